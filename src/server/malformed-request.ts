import type { Socket } from 'node:net'
import type { ErrorCode } from '../errors.ts'

interface Refusal {
  status: string
  message: string
  advice: string
}

const MALFORMED: Refusal = { status: '400 Bad Request', message: 'this is not HTTP', advice: 'send HTTP/1.1' }

/** By the codes of Node's HTTP parser and server. */
const REFUSALS: Readonly<Record<string, Refusal>> = {
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large',
    message: 'the path and headers are too large',
    advice: 'send fewer headers',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: '408 Request Timeout',
    message: 'the request took too long to arrive',
    advice: 'send it at once',
  },
}

/** Answers what never became a request, in the form of every other error, and ends the connection. */
export function refuseMalformed(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const { status, message, advice } = REFUSALS[error.code ?? ''] ?? MALFORMED
  const code: ErrorCode = 'PP_REQUEST_INVALID'
  const body = `${JSON.stringify({ code, message, advice })}\n`
  const head = [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  socket.destroySoon()
}
