import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, createServer, type LookupFunction, type Socket } from 'node:net'
import { join } from 'node:path'
import type { RegistryClient } from '../../src/registry/registry-client.ts'
import { type FailureCase, SOON } from './failure-case.ts'

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'registry')
export const LOOPBACK_TLS = {
  cert: readFileSync(join(FIXTURES, 'loopback.crt'), 'utf8'),
  key: readFileSync(join(FIXTURES, 'loopback.key'), 'utf8'),
}

const GO_WANTS_TLS = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n'
const NGINX_WANTS_TLS =
  'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n<center>The plain HTTP request was sent to HTTPS port</center>'
/** RFC 8446, 6: a fatal alert, handshake_failure. */
const TLS_ALERT = Buffer.from('15030300020228', 'hex')
const BLOB = Buffer.alloc(64 * 1024)

const head = (client: RegistryClient, limits = {}) => client.headManifest('app', 'v1', { limits })
/** An upload that no buffer on the way can hold. */
const push = (client: RegistryClient, limits = {}) => {
  const digest = `sha256:${'0'.repeat(64)}`
  const open = () => Array.from({ length: 1024 }, () => BLOB)
  return client.pushBlob('app', { digest, size: 1024 * BLOB.length, open }, { limits })
}

const toLoopback: LookupFunction = (_name, options, callback) => {
  if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
  else callback(null, '127.0.0.1', 4)
}

const UPLOAD = { 'PUT /v2/app/blobs/uploads/': { kind: 'read-nothing' } } as const

export const TRANSPORT_FAILURES: readonly FailureCase[] = [
  {
    name: 'a name that no resolver can know',
    reason: 'unresolved',
    error: { phase: 'resolve', detailName: 'ENOTFOUND' },
    // Longer than a label of DNS may be: no question is sent.
    url: () => `http://${'x'.repeat(64)}/v2`,
  },
  {
    name: 'a resolver that does not answer',
    reason: 'timeout',
    error: { phase: 'resolve', message: new RegExp(`more than ${SOON} ms`) },
    url: () => 'http://registry.test/v2',
    client: { lookup: () => {} },
    limits: { resolve: SOON },
  },
  {
    name: 'nothing listens',
    reason: 'refused',
    error: { phase: 'connect', detailName: 'ECONNREFUSED' },
    url: async () => `http://127.0.0.1:${await freePort()}/v2`,
  },
  {
    name: 'no way to the address',
    reason: 'unreachable',
    error: { phase: 'connect', detailName: 'ENETUNREACH' },
    // The system refuses to connect to it: nothing is sent.
    url: () => 'http://255.255.255.255/v2',
  },
  {
    name: 'a listener that does not accept',
    reason: 'timeout',
    error: { phase: 'connect' },
    url: fullListener,
    limits: { connect: SOON },
  },
  {
    name: 'a handshake without an answer',
    reason: 'timeout',
    error: { phase: 'tls' },
    url: () => listener('https', () => {}),
    limits: { tls: SOON },
  },
  {
    name: 'a connection that is reset in the handshake',
    reason: 'reset',
    error: { phase: 'tls', detailName: 'ECONNRESET' },
    url: () => listener('https', (socket) => socket.resetAndDestroy()),
  },
  {
    name: 'a handshake that the server gives up',
    reason: 'tls-failed',
    error: { phase: 'tls', message: /handshake failure/ },
    url: () => listener('https', (socket) => socket.end(TLS_ALERT)),
  },
  {
    name: 'an http server asked over https',
    reason: 'tls-not-spoken',
    error: { phase: 'tls' },
    url: (double) => double.url.replace('http:', 'https:'),
  },
  {
    name: 'something else than http asked over https',
    reason: 'tls-not-spoken',
    error: { phase: 'tls' },
    url: () => listener('https', (socket) => socket.end('SSH-2.0-OpenSSH_10.0\r\n')),
  },
  {
    name: "an https server asked over http, which says so as Go's do",
    reason: 'tls-required',
    error: { status: 400 },
    faults: { 'GET /v2/app': { kind: 'raw', bytes: GO_WANTS_TLS } },
  },
  {
    name: 'an https server asked over http, which says so as nginx does',
    reason: 'tls-required',
    error: { status: 400 },
    faults: { 'GET /v2/app': { kind: 'raw', bytes: NGINX_WANTS_TLS } },
  },
  {
    name: 'an https server asked over http, which answers by an alert',
    reason: 'tls-required',
    error: { phase: 'processing' },
    faults: { 'GET /v2/app': { kind: 'raw', bytes: TLS_ALERT } },
  },
  {
    name: 'a certificate of an unknown authority',
    reason: 'certificate',
    error: { phase: 'tls', detailName: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    registry: { tls: LOOPBACK_TLS },
  },
  {
    name: 'a certificate for another name',
    reason: 'certificate',
    error: { phase: 'tls', detailName: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    registry: { tls: LOOPBACK_TLS },
    url: (double) => double.url.replace('127.0.0.1', 'other.test'),
    client: { ca: [LOOPBACK_TLS.cert], lookup: toLoopback },
  },
  {
    name: 'a connection that is reset after the request',
    reason: 'reset',
    error: { phase: 'processing', detailName: 'ECONNRESET' },
    faults: { 'GET /v2/app': { kind: 'reset', after: 'request' } },
  },
  {
    name: 'a connection that ends without an answer',
    reason: 'reset',
    error: { phase: 'processing' },
    faults: { 'HEAD /v2/app': { kind: 'close', after: 'request' } },
    act: head,
  },
  {
    name: 'a connection that is reset in the middle of a body',
    reason: 'reset',
    error: { phase: 'transfer' },
    faults: { 'GET /v2/app': { kind: 'reset', after: 'half-body' } },
  },
  {
    name: 'a connection that is reset in the middle of an upload',
    reason: 'reset',
    faults: { 'PUT /v2/app/blobs/uploads/': { kind: 'reset', after: 'request' } },
    act: push,
  },
  {
    name: 'another protocol that the server changes to',
    reason: 'reset',
    faults: { 'GET /v2/app': { kind: 'raw', bytes: 'HTTP/1.1 101 x\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n' } },
  },
  {
    name: 'a request that is never answered',
    reason: 'timeout',
    error: { phase: 'processing' },
    faults: { 'GET /v2/app': { kind: 'hang', after: 'request' } },
    limits: { processing: SOON },
  },
  {
    name: 'the head of an answer that does not end',
    reason: 'timeout',
    error: { phase: 'transfer' },
    faults: { 'GET /v2/app': { kind: 'hang', after: 'half-head' } },
    limits: { processing: SOON },
  },
  {
    name: 'a body that stops half way',
    reason: 'timeout',
    error: { phase: 'transfer' },
    faults: { 'GET /v2/app': { kind: 'hang', after: 'half-body' } },
    limits: { pause: SOON },
  },
  {
    name: 'an upload that is not read',
    reason: 'timeout',
    error: { phase: 'sending' },
    faults: UPLOAD,
    act: (client) => push(client, { pause: SOON }),
  },
  {
    name: 'a body that comes byte by byte',
    reason: 'timeout',
    error: { phase: 'transfer', message: new RegExp(`more than ${2 * SOON} ms`) },
    faults: { 'GET /v2/app': { kind: 'drip' } },
    limits: { total: 2 * SOON },
  },
  {
    name: 'a consumer that does not end',
    reason: 'timeout',
    error: { phase: 'transfer' },
    act: (client, { blob }) =>
      client.readBlob('app', blob, { limits: { pause: 1, total: SOON }, onBytes: () => new Promise(() => {}) }),
  },
  {
    name: 'redirects, each in time, that take too long together',
    reason: 'timeout',
    error: { message: /more than/ },
    faults: {
      'GET /v2/app': { kind: 'status', status: 307, headers: { location: '/slow' } },
      'GET /slow': { kind: 'hang', after: 'request' },
    },
    limits: { total: SOON },
  },
  {
    name: 'an answer that is not HTTP',
    reason: 'not-http',
    error: { phase: 'processing', detailName: 'HPE_INVALID_CONSTANT' },
    faults: { 'GET /v2/app': { kind: 'raw', bytes: 'SSH-2.0-OpenSSH_10.0\r\n' } },
  },
  {
    name: 'an answer with two lengths',
    reason: 'not-http',
    faults: {
      'GET /v2/app': { kind: 'raw', bytes: 'HTTP/1.1 200 x\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}{}' },
    },
  },
  {
    name: 'a call that is given up before it begins',
    reason: 'aborted',
    call: { signal: AbortSignal.abort() },
  },
  {
    name: 'a call that is given up while it waits',
    reason: 'aborted',
    error: { phase: 'processing' },
    faults: { 'HEAD /v2/app': { kind: 'hang', after: 'request' } },
    act: async (client, { double }) => {
      const controller = new AbortController()
      const asked = double.nextRequest()
      const pending = client.headManifest('app', 'v1', { signal: controller.signal })
      await asked
      controller.abort()
      await pending
    },
  },
  {
    name: 'a call that is given up in the middle of a blob',
    reason: 'aborted',
    error: { phase: 'transfer' },
    act: (client, { blob }) => {
      const controller = new AbortController()
      return client.readBlob('app', blob, { signal: controller.signal, onBytes: () => controller.abort() })
    },
  },
  {
    name: 'a header that HTTP does not allow',
    reason: 'request-invalid',
    error: { detailName: 'ERR_INVALID_CHAR' },
    call: { headers: { 'X-Extra': 'SECRET\nline' } },
  },
]

const ended: (() => void)[] = []

/** Ends whatever the cases have started. */
export function endListeners(): void {
  for (const end of ended.splice(0)) end()
}

/** The URL of a listener that does this with every connection, once something has come. */
async function listener(scheme: string, answer: (socket: Socket) => void): Promise<string> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => socket.destroy())
    socket.once('data', () => answer(socket))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  ended.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `${scheme}://127.0.0.1:${portOf(server.address())}/v2`
}

/** The URL of a stopped process whose queue of connections is full: the system answers no further one. */
async function fullListener(): Promise<string> {
  const program = `const server = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () =>
    console.log(server.address().port))`
  const child: ChildProcess = spawn(process.execPath, ['-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH, NODE_OPTIONS: '' },
  })
  if (child.stdout === null) throw new Error('no output')
  const [output] = await once(child.stdout, 'data')
  child.kill('SIGSTOP')
  const port = Number(String(output))
  const fillers: Socket[] = []
  ended.push(() => {
    for (const socket of fillers) socket.destroy()
    child.kill('SIGKILL')
  })
  // listen(2): the queue of Linux holds one more than it is told.
  for (let filled = 0; filled < 2; filled++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    fillers.push(socket)
    await once(socket, 'connect')
  }
  return `http://127.0.0.1:${port}/v2`
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server.address())
  server.close()
  await once(server, 'close')
  return port
}

function portOf(address: ReturnType<ReturnType<typeof createServer>['address']>): number {
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
