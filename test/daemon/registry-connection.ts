import type { Socket } from 'node:net'

/** The head of one HTTP/1.1 request. */
export interface RequestHead {
  method: string
  /** Path and query as they were sent. */
  target: string
  /** Names in lower case. */
  headers: ReadonlyMap<string, string>
}

export interface RawAnswer {
  status: number
  headers: Readonly<Record<string, string>>
  body: Buffer
  /** Leaves Content-Length out. */
  lengthUnknown?: boolean
  /** Stops in the middle of the body. */
  half?: boolean
  /** And closes the connection then. */
  cut?: boolean
  close: boolean
}

const MAX_HEAD_BYTES = 64 * 1024

/**
 * Reads requests from a connection one after the other and gives each to `answer`. Written by hand because a
 * recording registry must also answer with half an answer, or with a reset.
 */
export function serveConnection(
  socket: Socket,
  answer: (head: RequestHead) => RawAnswer | 'reset' | 'closed' | 'silent',
  /** The TCP connection, which alone can be reset. */
  carrier: Socket,
): void {
  let pending: Buffer = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    for (let request = takeRequest(pending); request !== null; request = takeRequest(pending)) {
      pending = request.rest
      const answered = answer(request.head)
      if (answered === 'reset') carrier.resetAndDestroy()
      else if (answered === 'closed') socket.end()
      else if (answered !== 'silent') {
        const bytes = bytesOf(answered, request.head.method)
        if (answered.half === true) {
          socket.write(bytes.subarray(0, bytes.length - (answered.body.length >> 1)))
          if (answered.cut === true) socket.end()
        } else {
          socket.write(bytes)
          if (answered.close) socket.end()
        }
      }
    }
    if (pending.length > MAX_HEAD_BYTES) socket.destroy()
  })
  socket.on('error', () => socket.destroy())
}

function takeRequest(bytes: Buffer): { head: RequestHead; rest: Buffer } | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return null
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    // A header `host` of hosts.toml comes second, behind Go's own.
    if (!headers.has(name)) headers.set(name, line.slice(colon + 1).trim())
  }
  const length = Number(headers.get('content-length') ?? 0)
  if (bytes.length < end + 4 + length) return null
  const [method = '', target = ''] = first.split(' ')
  return { head: { method, target, headers }, rest: Buffer.from(bytes.subarray(end + 4 + length)) }
}

function bytesOf({ status, headers, body, lengthUnknown = false, close }: RawAnswer, method: string): Buffer {
  const chunked = lengthUnknown && method !== 'HEAD'
  const lines = [`HTTP/1.1 ${status} Planned`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
  if (!lengthUnknown) lines.push(`Content-Length: ${body.length}`)
  if (chunked) lines.push('Transfer-Encoding: chunked')
  if (close) lines.push('Connection: close')
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)
  if (method === 'HEAD' || status === 304) return head
  if (!chunked) return Buffer.concat([head, body])
  const chunk = body.length === 0 ? '' : `${body.length.toString(16)}\r\n${body.toString('latin1')}\r\n`
  return Buffer.concat([head, Buffer.from(`${chunk}0\r\n\r\n`, 'latin1')])
}
