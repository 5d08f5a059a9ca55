/** What comes of a daemon that is not there, hangs, goes away, comes back or speaks nonsense. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { constants, createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { DaemonClient, DaemonEvent } from '../../../src/containerd/client/daemon-client.ts'
import { openDaemonClient } from '../../../src/containerd/client/grpc-daemon-client.ts'
import { PullpathError } from '../../../src/errors.ts'
import { newImage, originImage } from './images.ts'
import { MemoryDaemon } from './memory-daemon.ts'
import { WireDouble } from './wire-double.ts'

const directory = mkdtempSync(join(tmpdir(), 'pullpath-faults-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

/** Nothing here waits for these to pass, but for calls that a hanging daemon never answers. */
const IMPATIENT = { answer: 300, removal: 300, alive: 200, heartbeat: 50, firstPause: 5, longestPause: 40 }
const VERSION = 'containerd.services.version.v1.Version/Version'
const PULL = 'runtime.v1.ImageService/PullImage'

let count = 0
const nextSocket = () => join(directory, `${++count}.sock`)

function openClient(t: Test, socket: string): DaemonClient {
  const client = openDaemonClient(socket, IMPATIENT)
  t.teardown(() => client.close())
  return client
}

async function startDouble(t: Test): Promise<{ daemon: MemoryDaemon; double: WireDouble; client: DaemonClient }> {
  const daemon = new MemoryDaemon()
  const double = new WireDouble(daemon, nextSocket())
  await double.start()
  t.teardown(() => double.stop())
  return { daemon, double, client: openClient(t, double.socket) }
}

async function codeOf(asked: Promise<unknown>): Promise<string> {
  const error = await asked.catch((it: unknown) => it)
  return error instanceof PullpathError ? error.code : 'none'
}

/** Asks until it is answered. */
async function recovered(client: DaemonClient): Promise<void> {
  for (;;) {
    try {
      await client.version()
      return
    } catch {
      await delay(10)
    }
  }
}

t.test('where nobody listens the path says why', async (t) => {
  const file = join(directory, 'file')
  writeFileSync(file, '')
  const cases: [string, string, string][] = [
    ['no socket', join(directory, 'none.sock'), 'there is no socket (ENOENT)'],
    ['a file', file, 'nothing listens on the socket (ECONNREFUSED)'],
    ['below a file', join(file, 'x.sock'), 'a part of the path is no directory (ENOTDIR)'],
    ['a path that is too long', join(directory, 'x'.repeat(120)), 'connect EINVAL'],
  ]
  for (const [name, socket, words] of cases) {
    const expected = { code: 'PP_DAEMON_UNREACHABLE', message: `${socket}: ${words}` }
    await t.rejects(openClient(t, socket).version(), expected, name)
  }
  await t.rejects(openClient(t, join(directory, 'none.sock')).listeningSince(), { code: 'PP_DAEMON_UNREACHABLE' })
})

/** Servers that are no containerd: what each says on the socket. */
const STRANGERS: Record<string, { code: string; serve(): Server; stream?: 'empty' }> = {
  'accepts and says nothing': { code: 'PP_DAEMON_SILENT', serve: () => tcp(() => {}) },
  'accepts and closes': { code: 'PP_DAEMON_UNREACHABLE', serve: () => tcp((it) => it.destroy()) },
  'speaks at once': { code: 'PP_DAEMON_PROTOCOL', serve: () => tcp((it) => it.write(Buffer.alloc(99, 0x41))) },
  'answers in plain words': {
    code: 'PP_DAEMON_PROTOCOL',
    serve: () => tcp((it) => it.once('data', () => it.write('hello, this is no HTTP'))),
  },
  'speaks HTTP/1': {
    code: 'PP_DAEMON_PROTOCOL',
    serve: () => createHttpServer((_, response) => response.end('hello')),
  },
  'serves pages': { code: 'PP_DAEMON_PROTOCOL', serve: () => http2((it) => page(it, 200)) },
  'has no such page': { code: 'PP_DAEMON_PROTOCOL', serve: () => http2((it) => page(it, 404)) },
  'asks for a login': { code: 'PP_DAEMON_PROTOCOL', serve: () => http2((it) => page(it, 401)) },
  'is a proxy without a backend': { code: 'PP_DAEMON_PROTOCOL', serve: () => http2((it) => page(it, 503)) },
  'resets streams': {
    code: 'PP_DAEMON_PROTOCOL',
    serve: () => http2((it) => it.close(constants.NGHTTP2_PROTOCOL_ERROR)),
  },
  'ends without a status': { code: 'PP_DAEMON_PROTOCOL', serve: () => http2((it) => grpc(it, {}, [0, 0, 0, 0, 0])) },
  'has a status that is none': {
    code: 'PP_DAEMON_PROTOCOL',
    serve: () => http2((it) => grpc(it, { 'grpc-status': 'fine' }, [0, 0, 0, 0, 0])),
  },
  'answers without an answer': {
    code: 'PP_DAEMON_PROTOCOL',
    serve: () => http2((it) => grpc(it, { 'grpc-status': '0' }, [])),
    stream: 'empty',
  },
  'announces 4 GiB': {
    code: 'PP_DAEMON_PROTOCOL',
    serve: () => http2((it) => grpc(it, { 'grpc-status': '0' }, [0, 0xff, 0xff, 0xff, 0xff])),
  },
  'compresses in no known way': {
    code: 'PP_DAEMON_PROTOCOL',
    serve: () => http2((it) => grpc(it, { 'grpc-status': '0' }, [1, 0, 0, 0, 1, 1])),
  },
  'is another gRPC server': {
    code: 'PP_DAEMON_REFUSED',
    serve: () => http2((it) => grpc(it, { 'grpc-status': '12', 'grpc-message': 'unknown service' }, [])),
  },
}

function tcp(serve: (socket: Socket) => void): Server {
  return createServer((socket) => serve(socket.on('error', () => {})))
}

function http2(serve: (stream: ServerHttp2Stream) => void): Server {
  const server = createHttp2Server()
  server.on('session', (session) => session.on('error', () => {}))
  server.on('stream', (stream: ServerHttp2Stream) => {
    stream.on('error', () => {})
    serve(stream)
  })
  return server
}

function page(stream: ServerHttp2Stream, status: number): void {
  stream.respond({ ':status': status, 'content-type': 'text/html' })
  stream.end('<html>')
}

function grpc(stream: ServerHttp2Stream, trailers: Record<string, string>, bytes: number[]): void {
  stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers(trailers))
  stream.end(Buffer.from(bytes))
}

for (const [name, { code, serve, stream }] of Object.entries(STRANGERS)) {
  t.test(`what ${name} is told by ${code}`, async (t) => {
    const socket = nextSocket()
    const server = serve()
    const sockets = new Set<Socket>()
    server.on('connection', (it: Socket) => sockets.add(it))
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    const client = openClient(t, socket)
    t.teardown(() => {
      for (const it of sockets) it.destroy()
      server.close()
    })
    await t.rejects(client.version(), { code })
    await t.rejects(client.version(), { code }, 'and again')
    const many = client.inNamespace('k8s.io').contents([])
    if (stream === 'empty') t.strictSame(await many, [], 'where many answers are expected none is fine')
    else await t.rejects(many, { code }, 'also where many answers are expected')
  })
}

t.test('nonsense within the protocol is told as such, whatever was asked', async (t) => {
  const { daemon, double, client } = await startDouble(t)
  const built = newImage('127.0.0.1:5000/library/app:v1', 'something to tell of')
  daemon.origin.set(built.expected.reference, originImage(built))
  await client.cri.pullImage(built.expected.reference, 1_000)
  double.manner = 'nonsense'
  const store = client.inNamespace('k8s.io')
  const asked: (() => Promise<unknown>)[] = [
    () => client.version(),
    () => client.server(),
    () => client.plugins([]),
    () => client.cri.version(),
    () => client.cri.status(),
    () => client.cri.listImages(),
    () => client.cri.imageStatus('a:b'),
    () => client.cri.imageFilesystems(),
    () => store.content(built.expected.manifest),
    () => store.contents([]),
    () => store.ingests([]),
    () => store.images([]),
    () => store.leases([]),
  ]
  for (const ask of asked) await t.rejects(ask(), { code: 'PP_DAEMON_PROTOCOL' })
  double.manner = 'serve'
  await t.resolves(client.version(), 'and sense is understood again')
})

t.test('a configuration that is no JSON is told without a word of it', async (t) => {
  const { daemon, client } = await startDouble(t)
  for (const config of ['{"registry":{"auths":"SECRET', '{"registry":{"configPath":1,"auths":"SECRET"}}', 'SECRET']) {
    daemon.criConfig = config
    const error = await client.cri.status().catch((it: unknown) => it)
    t.match(error, { code: 'PP_DAEMON_PROTOCOL' })
    t.notMatch(error instanceof PullpathError ? error.toLine() : 'SECRET', /SECRET/)
  }
})

t.test('a hanging daemon costs one call of each kind, however many are asked', async (t) => {
  const { double, client } = await startDouble(t)
  await client.version()
  double.manner = 'hang'
  const versions = Array.from({ length: 50 }, () => client.version())
  const statuses = Array.from({ length: 50 }, () => client.cri.status())
  for (const asked of [...versions, ...statuses]) t.match(await codeOf(asked), 'PP_DAEMON_SILENT')
  t.equal(double.mostPending.get(VERSION), 1)
  t.equal(double.mostPending.get('runtime.v1.RuntimeService/Status'), 1)
  double.manner = 'serve'
  await t.resolves(Promise.all(Array.from({ length: 50 }, () => client.version())), 'and serves all when it is back')
  t.equal(double.mostPending.get(VERSION), 1, 'one after the other')
})

t.test('a pull that is not done in time is told apart from a daemon that hangs, and is cancelled', async (t) => {
  const { double, client } = await startDouble(t)
  double.hanging.add(PULL)
  const ended = client.cri.pullImage('127.0.0.1:5000/a:b', 100)
  await t.rejects(ended, { code: 'PP_DAEMON_UNFINISHED', message: /within 100 ms/ })
  while (double.pending.get(PULL) !== 0) await delay(5)
  t.pass('the daemon was told that nobody waits any more')

  double.manner = 'hang'
  await t.rejects(client.cri.pullImage('127.0.0.1:5000/a:b', 100), { code: 'PP_DAEMON_SILENT' })
})

t.test('a pull that waits for another one ends within its own deadline', async (t) => {
  const { double, client } = await startDouble(t)
  double.hanging.add(PULL)
  const first = client.cri.pullImage('127.0.0.1:5000/a:b', 2_000)
  first.catch(() => {})
  await t.rejects(client.cri.pullImage('127.0.0.1:5000/c:d', 50), { code: 'PP_DAEMON_UNFINISHED' })
  t.equal(double.mostPending.get(PULL), 1)
  client.close()
  await t.rejects(first, { code: 'PP_DAEMON_UNREACHABLE', message: /closed/ }, 'closing ends what is under way')
})

t.test('a daemon that goes away in the middle of a call, and comes back on another socket', async (t) => {
  const { double, client } = await startDouble(t)
  await client.version()
  const before = { inode: statSync(double.socket).ino, since: await client.listeningSince() }
  double.manner = 'hang'
  const asked = client.cri.status()
  while (double.pending.get('runtime.v1.RuntimeService/Status') !== 1) await delay(5)
  double.stop()
  await t.rejects(asked, { code: 'PP_DAEMON_UNREACHABLE' })
  await t.rejects(client.version(), { code: 'PP_DAEMON_UNREACHABLE' })
  double.manner = 'serve'
  await double.start()
  t.not(`${statSync(double.socket).ino} ${statSync(double.socket).mtimeMs}`, `${before.inode} ${before.since}`)
  await recovered(client)
  t.ok((await client.listeningSince()) > before.since, 'it listens since later')
})

/** What a listener heard, with a way to wait for the next of a kind. */
class Heard {
  readonly lines: string[] = []
  readonly events: DaemonEvent[] = []
  lastSince: number | null = null
  #waiting: (() => void)[] = []

  readonly listener = {
    onEvent: (event: DaemonEvent) => {
      this.events.push(event)
      this.#add(`event ${'name' in event ? event.name : event.topic}`)
    },
    onUp: (since: number | null) => {
      this.lastSince = since
      this.#add(since === null ? 'up' : 'up again')
    },
    onDown: (error: PullpathError) => this.#add(`down ${error.code}`),
  }

  #add(line: string): void {
    this.lines.push(line)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** Resolves when the last line is this one. */
  async until(line: string): Promise<void> {
    while (this.lines.at(-1) !== line) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}

const created = (name: string): DaemonEvent => ({ at: Date.now(), namespace: 'k8s.io', topic: '/images/create', name })

t.test('a subscription lives on when the daemon is restarted, and says what it did not hear', async (t) => {
  const { daemon, double, client } = await startDouble(t)
  const heard = new Heard()
  client.subscribe(['topic~="^/images/"'], heard.listener)
  await heard.until('up')
  daemon.emit(created('one'))
  await heard.until('event one')
  const lost = Date.now()
  double.stop()
  await heard.until('down PP_DAEMON_UNREACHABLE')
  daemon.emit(created('unheard'))
  await double.start()
  await heard.until('up again')
  t.ok((heard.lastSince ?? 0) <= lost, 'it says since when events may be missing')
  daemon.emit(created('two'))
  await heard.until('event two')
  t.strictSame(heard.lines, ['up', 'event one', 'down PP_DAEMON_UNREACHABLE', 'up again', 'event two'])
  t.match(heard.events[0], { topic: '/images/create', namespace: 'k8s.io', name: 'one' })
})

t.test('a subscription to a daemon that is not there yet comes up when it is', async (t) => {
  const double = new WireDouble(new MemoryDaemon(), nextSocket())
  t.teardown(() => double.stop())
  const client = openClient(t, double.socket)
  const heard = new Heard()
  client.subscribe([], heard.listener)
  await heard.until('down PP_DAEMON_UNREACHABLE')
  await double.start()
  await heard.until('up')
  t.strictSame(heard.lines, ['down PP_DAEMON_UNREACHABLE', 'up'], 'nothing can have been missed')
})

t.test('a daemon that hangs is noticed although events may always be rare', async (t) => {
  const { double, client } = await startDouble(t)
  const heard = new Heard()
  client.subscribe([], heard.listener)
  await heard.until('up')
  double.manner = 'hang'
  await heard.until('down PP_DAEMON_SILENT')
  t.ok((double.mostPending.get(VERSION) ?? 0) <= 1)
  double.manner = 'serve'
  await heard.until('up again')
  t.strictSame(heard.lines, ['up', 'down PP_DAEMON_SILENT', 'up again'])
})

t.test('a stream of nonsense ends the subscription, until there is sense again', async (t) => {
  const { daemon, double, client } = await startDouble(t)
  const heard = new Heard()
  client.subscribe([], heard.listener)
  await heard.until('up')
  double.manner = 'nonsense'
  daemon.emit(created('unreadable'))
  await heard.until('down PP_DAEMON_PROTOCOL')
  double.manner = 'serve'
  await heard.until('up again')
  t.ok(double.subscriptions >= 2)
})

t.test('every kind of event is told with what it is about', async (t) => {
  const { daemon, client } = await startDouble(t)
  const heard = new Heard()
  client.subscribe([], heard.listener)
  await heard.until('up')
  const base = { at: Date.now(), namespace: 'k8s.io' }
  const events: DaemonEvent[] = [
    { ...base, topic: '/images/create', name: 'a' },
    { ...base, topic: '/images/update', name: 'b' },
    { ...base, topic: '/content/create', digest: 'sha256:1', size: 7 },
    { ...base, topic: '/content/delete', digest: 'sha256:1' },
    { ...base, topic: '/snapshot/prepare', key: 'extract-1 sha256:2', parent: '' },
    { ...base, topic: '/snapshot/commit', key: 'extract-1 sha256:2', name: 'sha256:2' },
    { ...base, topic: '/snapshot/remove', key: 'sha256:2' },
    { ...base, topic: '/images/delete', name: 'last' },
  ]
  for (const event of events) daemon.emit(event)
  await heard.until('event last')
  t.strictSame(heard.events, events)
})

t.test('closed is closed: nothing is heard afterwards', async (t) => {
  const { daemon, double, client } = await startDouble(t)
  const [kept, closed] = [new Heard(), new Heard()]
  client.subscribe([], kept.listener)
  const subscription = client.subscribe([], closed.listener)
  await Promise.all([kept.until('up'), closed.until('up')])
  subscription.close()
  daemon.emit(created('later'))
  await kept.until('event later')
  double.stop()
  await kept.until('down PP_DAEMON_UNREACHABLE')
  client.close()
  await double.start()
  t.strictSame(closed.lines, ['up'])
  t.strictSame(kept.lines, ['up', 'event later', 'down PP_DAEMON_UNREACHABLE'])
})

t.test('an image that a registry serves in the meantime is pulled after all this', async (t) => {
  const { daemon, double, client } = await startDouble(t)
  const built = newImage('127.0.0.1:5000/library/app:v1', 'after a restart')
  daemon.origin.set(built.expected.reference, originImage(built))
  double.stop()
  await t.rejects(client.cri.pullImage(built.expected.reference, 1_000), { code: 'PP_DAEMON_UNREACHABLE' })
  await double.start()
  await recovered(client)
  t.equal(await client.cri.pullImage(built.expected.reference, 1_000), built.expected.config)
})
