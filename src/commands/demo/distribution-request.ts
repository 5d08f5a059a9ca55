import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Content, OciImage } from './oci-image.ts'

/** What a pull asks a registry for (OCI distribution specification 1.1, "Pull"). */
export interface DistributionRequest {
  kind: 'manifests' | 'blobs'
  repository: string
  /** A tag or a digest. */
  reference: string
  /** containerd's `?ns=`; null: not sent. */
  namespace: string | null
}

/** Images by repository and tag. */
export type ImageStore = ReadonlyMap<string, ReadonlyMap<string, OciImage>>

/** Reads the path of a pull; null where it is none. */
export function parseDistributionRequest(request: IncomingMessage): DistributionRequest | null {
  const url = new URL(request.url ?? '/', 'http://double')
  const match = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(url.pathname)
  const [, repository, kind, reference] = match ?? []
  if (repository === undefined || reference === undefined || (kind !== 'manifests' && kind !== 'blobs')) return null
  return { kind, repository, reference, namespace: url.searchParams.get('ns') }
}

/** The content that was asked for; null where the store does not hold it. */
export function contentIn(store: ImageStore, { kind, repository, reference }: DistributionRequest): Content | null {
  const tags = store.get(repository) ?? new Map<string, OciImage>()
  const images = [...tags.values()]
  if (kind === 'blobs')
    return images.flatMap((it) => [it.config, it.layer]).find((it) => it.digest === reference) ?? null
  return tags.get(reference)?.manifest ?? images.find((it) => it.manifest.digest === reference)?.manifest ?? null
}

/** Sends content as a registry does; a HEAD gets the headers alone. */
export function sendContent(
  request: IncomingMessage,
  response: ServerResponse,
  content: Content,
  headers: Record<string, string> = {},
): void {
  response.writeHead(200, {
    'content-type': content.mediaType,
    'content-length': content.bytes.length,
    'docker-content-digest': content.digest,
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : content.bytes)
}

/** Sends an error in the form of the OCI distribution specification. */
export function sendOciError(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  error: { code: string; message: string; detail?: object },
): void {
  const body = JSON.stringify({ errors: [error] })
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(request.method === 'HEAD' ? undefined : body)
}
