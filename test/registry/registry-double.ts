import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { commit, type Fault, type FaultOf } from './fault.ts'
import { type AuthPlan, RegistryAuth } from './registry-auth.ts'
import { digestOf, StoredImages } from './stored-images.ts'

/** One request as it came in. */
export interface Received {
  method: string
  /** Path and query. */
  target: string
  authorization: string | null
  headers: IncomingMessage['headers']
  /** Whether a client's certificate came with it. */
  certified: boolean
}

export interface DoubleOptions {
  auth?: AuthPlan
  /** PEM texts; null: plain HTTP. */
  tls?: { cert: string; key: string; ca?: string; requestCert?: boolean; rejectUnauthorized?: boolean } | null
}

/** The faults of requests that match: `GET /v2/app/manifests/`, the beginning of the method and the path. */
type FaultPlan = Map<string, Fault | FaultOf>

/** A small registry on loopback: pull, push and its authentication, and whatever a plan says it does wrong. */
export class RegistryDouble {
  readonly images = new StoredImages()
  readonly faults: FaultPlan = new Map()
  readonly received: Received[] = []
  /** Sent with every answer of the API. */
  headers: Record<string, string> = {}
  readonly auth: RegistryAuth
  readonly origin: string
  readonly #server: Server
  readonly #uploads = new Map<string, Buffer>()
  readonly #unread = new Set<IncomingMessage>()
  readonly #sockets = new Set<Socket>()
  readonly #matched = new Map<string, number>()

  static async start({ auth = { kind: 'none' }, tls = null }: DoubleOptions = {}): Promise<RegistryDouble> {
    const server = tls === null ? createHttpServer() : createHttpsServer(tls)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' ? address?.port : null
    return new RegistryDouble(server, `${tls === null ? 'http' : 'https'}://127.0.0.1:${port}`, auth)
  }

  private constructor(server: Server, origin: string, auth: AuthPlan) {
    this.#server = server
    this.origin = origin
    this.auth = new RegistryAuth(auth, origin)
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    server.on('request', (request, response) => {
      this.#answer(request, response).catch(() => response.destroy())
    })
  }

  get url(): string {
    return `${this.origin}/v2`
  }

  /** Fulfilled when the next request is in. */
  async nextRequest(): Promise<void> {
    await once(this.#server, 'request')
  }

  /** Fulfilled when nobody holds a connection any more. */
  async idle(): Promise<void> {
    for (const request of this.#unread) request.resume() // whoever reads nothing hears of no end
    for (const socket of this.#sockets) await new Promise((resolve) => socket.once('close', resolve))
  }

  async stop(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: target = '', headers, socket } = request
    const certified = socket instanceof TLSSocket && socket.getPeerX509Certificate() !== undefined
    this.received.push({ method, target, authorization: headers.authorization ?? null, headers, certified })
    const fault = this.#faultOf(`${method} ${target}`)
    if (fault !== null) {
      if (fault.kind === 'read-nothing') this.#unread.add(request)
      return commit(fault, request, response)
    }
    const url = new URL(target, this.origin)
    if (url.pathname === '/token') {
      const parameters = method === 'POST' ? new URLSearchParams((await bodyOf(request)).toString()) : url.searchParams
      return this.auth.giveToken(request, parameters, response)
    }
    for (const [name, value] of Object.entries(this.headers)) response.setHeader(name, value)
    const [, repository = null, kind = '', object = ''] = API.exec(url.pathname) ?? []
    const challenge = this.auth.challengeFor(request, repository)
    if (challenge !== null) {
      response.setHeader('www-authenticate', challenge)
      return refuse(response, 401, 'UNAUTHORIZED')
    }
    if (repository === null) return void response.writeHead(url.pathname === '/v2/' ? 200 : 404).end('{}')
    if (method === 'GET' || method === 'HEAD') return this.#pull(request, response, { repository, kind, object })
    const body = await bodyOf(request)
    if (kind === 'manifests') {
      this.images.putManifest(repository, object, { mediaType: headers['content-type'] ?? '', bytes: body })
      return void response.writeHead(201, { 'docker-content-digest': digestOf(body), location: target }).end()
    }
    if (method === 'POST') {
      const upload = `/v2/${repository}/blobs/uploads/${this.#uploads.size}?_state=a%3Db`
      this.#uploads.set(upload, body)
      return void response.writeHead(202, { location: upload }).end()
    }
    const digest = url.searchParams.get('digest')
    if (digest !== digestOf(body)) return refuse(response, 400, 'DIGEST_INVALID')
    this.images.putBlob(repository, body)
    response.writeHead(201, { 'docker-content-digest': digest, location: target }).end()
  }

  #pull(
    request: IncomingMessage,
    response: ServerResponse,
    { repository, kind, object }: { repository: string; kind: string; object: string },
  ): void {
    const found = kind === 'manifests' ? this.images.manifest(repository, object) : this.images.blob(repository, object)
    if (found === undefined) {
      refuse(response, 404, kind === 'manifests' ? 'MANIFEST_UNKNOWN' : 'BLOB_UNKNOWN')
      return
    }
    const { bytes, mediaType } = found
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    response.setHeader('content-type', mediaType)
    response.setHeader('docker-content-digest', digestOf(bytes))
    if (first === undefined) response.setHeader('content-length', bytes.length)
    else response.writeHead(206, { 'content-range': `bytes ${first}-${last}/${bytes.length}` })
    response.end(
      request.method === 'HEAD' ? undefined : bytes.subarray(Number(first ?? 0), Number(last ?? bytes.length) + 1),
    )
  }

  #faultOf(line: string): Fault | null {
    for (const [start, fault] of this.faults) {
      if (!line.startsWith(start)) continue
      const times = this.#matched.get(start) ?? 0
      this.#matched.set(start, times + 1)
      return typeof fault === 'function' ? fault(times) : fault
    }
    return null
  }
}

const API = /^\/v2\/(.+)\/(manifests|blobs)\/((?:uploads\/)?[^/]*)$/

function refuse(response: ServerResponse, status: number, code: string): void {
  const body = JSON.stringify({ errors: [{ code, message: 'refused' }] })
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length }).end(body)
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  return Buffer.concat(await request.toArray())
}
