import type { HttpExchange, RequestBody } from './http-exchange.ts'
import type { BlobSource } from './registry-client.ts'
import { RegistryError } from './registry-error.ts'

interface PushRequest {
  method: string
  url: URL
  headers?: Readonly<Record<string, string>>
  body?: RequestBody
}

/** Uploads a blob in one piece (distribution specification 1.1, "POST then PUT"), unless it is there. */
export async function uploadBlob(
  { digest, size, open, onSent }: BlobSource,
  url: (path: string) => URL,
  request: (request: PushRequest) => Promise<HttpExchange>,
): Promise<{ exchange: HttpExchange; existed: boolean }> {
  const found = await existing(url(digest), request)
  if (found !== null) return { exchange: found, existed: true }
  const begun = await done(request({ method: 'POST', url: url('uploads/') }))
  const target = URL.parse(begun.headers.location ?? '', begun.url)
  if (begun.headers.location === undefined || target === null) throw begun.error('upload-invalid')
  // What goes there carries the credentials.
  if (target.origin !== begun.url.origin) throw begun.error('redirected', { detail: `to ${target.origin}` })
  target.searchParams.set('digest', digest)
  const headers = { 'Content-Type': 'application/octet-stream' }
  const exchange = await done(request({ method: 'PUT', url: target, headers, body: { size, open, onSent } }))
  return { exchange, existed: false }
}

async function existing(url: URL, request: (request: PushRequest) => Promise<HttpExchange>) {
  try {
    return await done(request({ method: 'HEAD', url }))
  } catch (error) {
    if (error instanceof RegistryError && error.reason === 'not-found') return null
    throw error
  }
}

async function done(pending: Promise<HttpExchange>): Promise<HttpExchange> {
  const exchange = await pending
  await exchange.read(() => {})
  return exchange
}
