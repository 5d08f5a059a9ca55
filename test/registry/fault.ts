import type { IncomingMessage, ServerResponse } from 'node:http'

/** How a registry double goes wrong with one request, instead of its answer. */
export type Fault =
  /** Nothing more is sent. */
  | { kind: 'hang'; after: 'request' | 'half-head' | 'half-body' }
  /** RST, or FIN. */
  | { kind: 'reset' | 'close'; after: 'request' | 'half-body' }
  /** The request's body is not read, and nothing is answered. */
  | { kind: 'read-nothing' }
  | { kind: 'status'; status: number; headers?: Record<string, string>; body?: string }
  /** Bytes as they are, instead of an answer. */
  | { kind: 'raw'; bytes: string | Buffer }
  /** A body without an end, announced as long as `length`, or not announced. */
  | { kind: 'endless'; length?: number }
  /** One byte every now and then. */
  | { kind: 'drip' }

/** The fault of each further request; null: none. */
export type FaultOf = (times: number) => Fault | null

const HALF_BODY = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n01234567890123456789'
const PIECE = Buffer.alloc(64 * 1024, '{')
const DRIP_MS = 5

export function commit(fault: Fault, request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request
  switch (fault.kind) {
    case 'hang':
      if (fault.after === 'half-head') socket.write('HTTP/1.1 200 OK\r\nContent-Le')
      else if (fault.after === 'half-body') socket.write(HALF_BODY)
      return
    case 'reset':
      if (fault.after === 'half-body') socket.write(HALF_BODY, () => socket.resetAndDestroy())
      else socket.resetAndDestroy()
      return
    case 'close':
      socket.end(fault.after === 'half-body' ? HALF_BODY : '')
      return
    case 'read-nothing':
      return
    case 'status':
      response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(fault.body)
      return
    case 'raw':
      socket.end(fault.bytes)
      return
    case 'endless':
      if (fault.length !== undefined) response.setHeader('content-length', fault.length)
      response.on('drain', () => pour(response))
      pour(response)
      return
    case 'drip': {
      const timer = setInterval(() => response.write('.'), DRIP_MS)
      response.on('close', () => clearInterval(timer))
    }
  }
}

function pour(response: ServerResponse): void {
  while (!response.destroyed && response.write(PIECE));
}
