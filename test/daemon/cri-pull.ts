import { type ClientHttp2Session, connect } from 'node:http2'
import { connect as connectSocket } from 'node:net'

/** What a call of CRI came to: gRPC's status code and its words. */
export interface PullResult {
  /** 0 is success, 5 is "not found". */
  code: number
  message: string
}

/** One connection to a daemon's CRI, for pulls and what undoes them. Calls reject only where there is no answer at all. */
export interface CriConnection {
  pull(image: string, credentials: boolean): Promise<PullResult>
  remove(image: string): Promise<PullResult>
  close(): void
}

const PULL_MS = 60_000

/**
 * Opens the connection. The messages are written by hand: the suite must not stand or fall with the client
 * that it is to prove.
 */
export function connectCri(socket: string): CriConnection {
  const session = connect('http://localhost', { createConnection: () => connectSocket(socket) })
  session.on('error', () => {})
  return {
    pull: (image, credentials) => call(session, 'PullImage', pullRequest(image, credentials)),
    remove: (image) => call(session, 'RemoveImage', imageField(image)),
    close: () => session.destroy(),
  }
}

function call(session: ClientHttp2Session, method: string, message: Buffer): Promise<PullResult> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/runtime.v1.ImageService/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    let result: PullResult | null = null
    const take = (headers: { 'grpc-status'?: string; 'grpc-message'?: string }) => {
      if (headers['grpc-status'] === undefined) return
      result = { code: Number(headers['grpc-status']), message: decodeURIComponent(headers['grpc-message'] ?? '') }
    }
    stream.on('response', (headers) => take(headers as object))
    stream.on('trailers', (headers) => take(headers as object))
    stream.on('error', reject)
    stream.on('close', () =>
      result === null ? reject(new Error(`${method} ended without a status`)) : resolve(result),
    )
    stream.setTimeout(PULL_MS, () => stream.destroy(new Error(`${method} does not end`)))
    stream.resume()
    const frame = Buffer.alloc(5)
    frame.writeUInt32BE(message.length, 1)
    stream.end(Buffer.concat([frame, message]))
  })
}

/** `PullImageRequest{image: ImageSpec{image}, auth: AuthConfig{username, password}}` (cri-api: api.proto). */
function pullRequest(image: string, credentials: boolean): Buffer {
  const spec = imageField(image)
  if (!credentials) return spec
  return Buffer.concat([spec, field(2, Buffer.concat([field(1, Buffer.from('user')), field(2, Buffer.from('pass'))]))])
}

/** The first field of every request about one image, and all of `RemoveImageRequest`. */
function imageField(image: string): Buffer {
  return field(1, field(1, Buffer.from(image)))
}

/** A length-delimited field; no field here is as long as 16 KiB. */
function field(number: number, value: Buffer): Buffer {
  const length = value.length < 0x80 ? [value.length] : [(value.length & 0x7f) | 0x80, value.length >> 7]
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), value])
}
