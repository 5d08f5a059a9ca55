/**
 * The peer mirror of one node as a process of its own, since it lives in the namespaces of its node.
 * Its argument is a PeerStart. Speaks with its parent over Node's channel, and ends with it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, createServer as createTcpServer, type Server as TcpServer } from 'node:net'
import { pipeline } from 'node:stream'
import { openDaemonClient } from '../../src/containerd/client/grpc-daemon-client.ts'
import type { RawAccessEntry } from './access-log.ts'
import type { Reply } from './asked-process.ts'
import { Advertised } from './spegel/advertised.ts'
import { OwnContent } from './spegel/own-content.ts'
import { Providers } from './spegel/providers.ts'
import { type PeerFault, RegistryHandler, type SpegelSettings } from './spegel/registry-handler.ts'
import { SpegelMetrics } from './spegel/spegel-metrics.ts'

export interface PeerStart extends SpegelSettings {
  address: string
  others: readonly string[]
  socket: string
  contentDirectory: string
  ports: { pod: number; router: number; metrics: number; host: number; node: number }
}

export type PeerOrder =
  /** Answered once no request is under way: what an asker has in full may not be written down yet. */
  | { order: 'settle' }
  | { order: 'fault'; fault: PeerFault | null }
  /** Whether it finds nobody who has what is asked for. */
  | { order: 'lose'; isLost: boolean }
  /** Whose peer the nodePort leads to; null: this one's. */
  | { order: 'route'; nodePort: string | null }
  /** Answered once this peer believes that one to have all of them. */
  | { order: 'await'; address: string; keys: readonly string[] }

/** What is served is told as it ends, besides the answers to orders. */
export interface ToldEntry {
  entry: RawAccessEntry
}

const start: PeerStart = JSON.parse(process.argv[2] ?? '')
const daemon = openDaemonClient(start.socket)
const metrics = new SpegelMetrics()
const providers = new Providers(start.others, start.ports.router)
const handler = new RegistryHandler(start, new OwnContent(daemon, start.contentDirectory), providers, metrics)
const tell = (message: Reply | ToldEntry) => process.send?.(message)
let nodePortTo: string | null = null
let underWay = 0
let whenIdle: (() => void)[] = []

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path = ''] = (request.url ?? '').split('?')
  const method = request.method ?? ''
  if (path === '/v2') return void response.writeHead(307, { Location: '/v2/' }).end()
  const route = routeOf(path)
  if ((method !== 'GET' && method !== 'HEAD') || route === null) return bare(response, 404)
  const [at, begun] = [Date.now(), performance.now()]
  const outcome = { bytes: 0, source: null }
  const address = request.socket.remoteAddress ?? ''
  underWay += 1
  metrics.begin(route)
  response.once('close', () => {
    const milliseconds = performance.now() - begun
    const status = response.headersSent ? response.statusCode : null
    if (path.startsWith('/v2/')) tell({ entry: { address, at, milliseconds, method, path, status, ...outcome } })
    const { bytes } = outcome
    metrics.end(route, { method, code: response.statusCode, seconds: milliseconds / 1000, bytes })
    underWay -= 1
    if (underWay > 0) return
    for (const resolve of whenIdle) resolve()
    whenIdle = []
  })
  if (path === '/livez' || path === '/v2/') return bare(response, 200)
  if (path === '/readyz') return bare(response, providers.isConnected ? 200 : 500)
  try {
    await handler.handle(request, response, outcome)
  } catch (error) {
    // Whoever lost patience, or got it from another peer, is gone: no fault of this one.
    if (!response.destroyed) console.error(`${method} ${path}:`, error)
    response.destroy()
  }
}

/** As the metrics name it; null: there is nothing. */
function routeOf(path: string): string | null {
  if (path.startsWith('/v2/')) return '/v2/*'
  return path === '/readyz' || path === '/livez' ? path : null
}

function bare(response: ServerResponse, status: number): void {
  // Go says the length of nothing too, but not to a HEAD.
  response.writeHead(status, response.req.method === 'HEAD' ? {} : { 'Content-Length': 0 }).end()
}

async function obey(order: PeerOrder): Promise<void> {
  switch (order.order) {
    case 'fault':
      handler.fault = order.fault
      return
    case 'lose':
      handler.findsNobody = order.isLost
      return
    case 'route':
      nodePortTo = order.nodePort
      return
    case 'await':
      return providers.whenHeldBy(order.address, order.keys)
    case 'settle':
      if (underWay > 0) await new Promise<void>((resolve) => whenIdle.push(resolve))
  }
}

function listen(server: TcpServer, port: number): Promise<void> {
  return new Promise((resolve) => server.listen(port, start.address, resolve))
}

process.on('message', async (message: PeerOrder & { number: number }) => {
  await obey(message)
  tell({ number: message.number })
})
process.on('disconnect', () => process.exit())

const registry = createServer(answer)
const nodePort = createTcpServer((socket) => {
  if (nodePortTo === null) return void registry.emit('connection', socket)
  const other = connect(start.ports.pod, nodePortTo)
  pipeline(socket, other, socket, () => {})
})
await listen(registry, start.ports.pod)
await listen(createServer(answer), start.ports.host)
await listen(nodePort, start.ports.node)
const metricsServer = createServer(async (request, response) => {
  if (request.url !== '/metrics') return void response.writeHead(404).end()
  response.writeHead(200, { 'Content-Type': metrics.registry.contentType }).end(await metrics.registry.metrics())
})
await listen(metricsServer, start.ports.metrics)
await providers.listen(start.address)
new Advertised(daemon, start.registries, {
  onAdded(keys) {
    metrics.countAdvertised(keys, 1)
    void providers.advertise(keys.map(({ key }) => key))
  },
  onRemoved(keys) {
    metrics.countAdvertised(keys, -1)
    providers.withdraw(keys.map(({ key }) => key))
  },
})
tell({ number: 0 })
