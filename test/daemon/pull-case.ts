import type { RegistrySettings } from './daemon-configuration.ts'
import type { HostsFiles } from './hosts-files.ts'
import type { TestImage } from './image.ts'
import type { Plan } from './plan.ts'

/** One pull: all that decides what containerd asks. */
export interface PullCase {
  settings: RegistrySettings
  files: HostsFiles
  /** `REPOSITORY` and `DIGEST` stand for those of an image that is made for each run. */
  image: string
  credentials: boolean
  layers: number
  /** Whether an index stands above the manifest. */
  index: boolean
  plan: Plan
}

/** What a daemon did, or is predicted to do. */
export interface Seen {
  /** `HEAD http://127.0.0.2:5000/v2/REPOSITORY/manifests/v1?ns=…`, or `TLS 127.0.0.2:5000` for a failed handshake. */
  requests: readonly string[]
  /** `crashed`: the daemon itself ended. `refused`: it does not start with its configuration. */
  outcome: 'pulled' | 'not-found' | 'failed' | 'crashed' | 'refused'
}

/** The reference to pull. */
export function referenceOf({ image }: PullCase, { repository, manifests }: TestImage): string {
  return image.replace('REPOSITORY', repository).replace('DIGEST', manifests[0] ?? '')
}

/** A request as both sides write it, without what differs from run to run. */
export function lineOf(
  request: { method: string; url: string; authorized: boolean; certified: boolean; headers: readonly string[] },
  image: TestImage,
): string {
  const [, scheme = '', host = '', rest = ''] = /^([a-z]+):\/\/([^/]*)(.*)$/s.exec(request.url) ?? []
  // net/http drops an empty port, a fragment, and escapes what a URL must not hold.
  const [sent = ''] = rest.split('#')
  const target = unescaped(sent)
    .replace(image.repository, 'REPOSITORY')
    .replace(/sha256:[0-9a-f]{64}/, digestName)
  const { authorized, certified, headers } = request
  const marks = [...(authorized ? ['credentials'] : []), ...(certified ? ['certificate'] : []), ...headers]
  return `${request.method} ${scheme}://${host.replace(/:$/, '')}${target}${marks.map((it) => ` +${it}`).join('')}`

  function digestName(digest: string): string {
    const manifest = image.manifests.indexOf(digest)
    if (manifest >= 0) return manifest === 0 && image.manifests.length === 2 ? 'INDEX' : 'MANIFEST'
    if (digest === image.config) return 'CONFIG'
    const layer = image.layers.indexOf(digest)
    return layer >= 0 ? `LAYER${layer + 1}` : 'ERROR'
  }
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
