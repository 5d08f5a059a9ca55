import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { serverOf } from './shown-node.ts'

/** Sends bytes to a server of its own and gives back what it answers until it ends the connection. */
async function listening(t: Test) {
  const app = serverOf()
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  return async (bytes: string | Buffer): Promise<string> => {
    const socket = connect(port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk
    })
    // A server that has seen enough may reset the connection while more is being written.
    socket.on('error', () => socket.destroy())
    socket.end(bytes)
    await once(socket, 'close')
    return answer
  }
}

const OK = 'GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

t.test('what is no request is answered in the form of every other error', async (t) => {
  const send = await listening(t)
  const wrong: readonly (readonly [string, number])[] = [
    ['GARBAGE\r\n\r\n', 400],
    ['GET / HTTP/9.9\r\n\r\n', 400],
    ['GET / HTTP/1.1\r\nno colon\r\n\r\n', 400],
    ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(40_000)}\r\n\r\n`, 431],
    [`GET /${'a'.repeat(40_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
  ]
  for (const [bytes, status] of wrong) {
    const answer = await send(bytes)
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), bytes.slice(0, 40))
    t.match(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))), { code: 'PP_REQUEST_INVALID' })
    t.equal(/^Content-Length: (\d+)/m.exec(answer)?.[1], `${Buffer.byteLength(answer.split('\r\n\r\n')[1] ?? '')}`)
    t.match(answer, /\}\n$/)
  }
  t.match(await send(OK), /^HTTP\/1\.1 200 /)
})

t.test('a path with a method that HTTP knows and this server does not', async (t) => {
  const send = await listening(t)
  t.match(await send('PROPFIND / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 405 /)
  t.match(await send('GET //../%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 404 /)
})

t.test('whatever is sent, the server goes on', async (t) => {
  const send = await listening(t)
  const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
  const target = fc.string({ unit: 'binary-ascii', maxLength: 60 }).map((text) => `GET /${text} HTTP/1.1\r\n\r\n`)
  const header = fc.string({ unit: 'binary-ascii' }).map((text) => `GET / HTTP/1.1\r\nHost: a\r\n${text}\r\n\r\n`)
  await fc.assert(
    fc.asyncProperty(fc.oneof(noise, target, header), async (bytes) => {
      const answer = await send(bytes)
      return answer === '' || /^HTTP\/1\.1 (200|400|404|405|414|431)/.test(answer)
    }),
    { numRuns: 300 },
  )
  t.match(await send(OK), /^HTTP\/1\.1 200 /)
})
