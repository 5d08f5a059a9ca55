import type { Endpoint } from '../containerd/pull-path.ts'
import type { ObservedTree } from '../drift/facts.ts'
import type { RegistryEndpoint } from '../registry/registry-client.ts'
import { HostFiles } from '../watch/host-files.ts'

/** What containerd brings along to an endpoint, by its hosts.toml. */
export interface EndpointAccess extends Pick<RegistryEndpoint, 'headers' | 'tls'> {
  /** Files of it that this agent cannot read, by path: an endpoint that wants them cannot be judged. */
  unread: readonly string[]
}

/**
 * Reads what an endpoint is asked with: the values of `header`, and the files of `ca` and `client`. Those of the
 * observed tree are taken as they were seen; keys, which are not kept with it, and files elsewhere are read below
 * `hostRoot`. Of several client certificates the first is taken, where containerd takes the one that the endpoint asks
 * for.
 */
export function endpointAccess(
  { ca, clientPairs, headers, skipVerify }: Pick<Endpoint, 'ca' | 'clientPairs' | 'headers' | 'skipVerify'>,
  view: ObservedTree['view'],
  hostRoot: string,
): EndpointAccess {
  const unread: string[] = []
  const read = (path: string): string | null => {
    const seen = view.lookup(path)
    const text = seen?.kind === 'file' && seen.text !== null ? seen.text : new HostFiles(hostRoot).read(path)
    if (text === null) unread.push(path)
    return text
  }
  const authorities = ca.map(read).filter((it) => it !== null)
  const [pair] = clientPairs
  const certificate = pair === undefined ? null : read(pair.certificate)
  const key = pair === undefined ? null : pair.key === null ? certificate : read(pair.key)
  return {
    headers: headersFrom(headers.values),
    tls: {
      ca: authorities,
      client: certificate === null || key === null ? null : { certificate, key },
      verify: skipVerify !== true,
    },
    unread,
  }
}

/** net/http writes these itself, whatever a header says (request.go, reqWriteExcludeHeader). */
const WRITTEN_BY_GO = new Set(['host', 'content-length', 'transfer-encoding', 'trailer'])

function headersFrom(values: ReadonlyMap<string, readonly string[]>): Record<string, string> {
  const sent = [...values].filter(([name, list]) => !WRITTEN_BY_GO.has(name.toLowerCase()) && list.length > 0)
  // Go sends the bytes of a text; Node those of Latin-1.
  return Object.fromEntries(sent.map(([name, list]) => [name, Buffer.from(list.join(', ')).toString('latin1')]))
}
