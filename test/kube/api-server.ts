import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { ApiHandler } from './api-handler.ts'
import type { ApiObject, Json } from './api-object.ts'
import { API_RESOURCES, type ApiResource, apiVersionOf } from './api-resources.ts'
import { controlRoute } from './control-routes.ts'
import { ADMIN_TOKEN, EVERYTHING, type User } from './rbac.ts'

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'registry')

export interface ApiServerOptions {
  /** Default: 127.0.0.1. */
  host?: string
  /** Default: any free one. */
  port?: number
  /** PEM files; null: plain HTTP. Default: a certificate for 127.0.0.1 and localhost, which is its own CA. */
  tls?: { certificate: string; key: string; ca: string } | null
  /** Who may do what, by token. Default: nobody but the administrator. */
  users?: Readonly<Record<string, User>>
}

/**
 * The API server, doubled at the wire: lists, watches, patches, refusals and faults over real connections, so that the
 * client's own code runs as it is.
 */
export class ApiServer extends ApiHandler {
  readonly #server: ReturnType<typeof createServer>
  readonly #sockets = new Set<Socket>()
  readonly #options: ApiServerOptions
  /** PEM; null: plain HTTP. */
  readonly ca: string | null
  #address: AddressInfo | null = null

  /** Fulfilled when it listens. */
  static async start(options: ApiServerOptions = {}): Promise<ApiServer> {
    const server = new ApiServer(options)
    await server.#listen()
    return server
  }

  private constructor(options: ApiServerOptions) {
    super()
    this.#options = options
    this.users.set(ADMIN_TOKEN, { name: 'admin', rules: EVERYTHING })
    for (const [token, user] of Object.entries(options.users ?? {})) this.users.set(token, user)
    const { tls } = options
    if (tls === null) {
      this.ca = null
      this.#server = createServer((request, response) => this.#handle(request, response))
    } else {
      const certificate = readFileSync(tls?.certificate ?? join(FIXTURES, 'loopback.crt'), 'utf8')
      const key = readFileSync(tls?.key ?? join(FIXTURES, 'loopback.key'), 'utf8')
      this.ca = tls === undefined ? certificate : readFileSync(tls.ca, 'utf8')
      this.#server = createTlsServer({ cert: certificate, key }, (request, response) => this.#handle(request, response))
    }
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('tlsClientError', () => {})
  }

  get host(): string {
    return this.#options.host ?? '127.0.0.1'
  }

  get port(): number {
    return this.#address?.port ?? 0
  }

  get url(): string {
    return `${this.ca === null ? 'http' : 'https'}://${this.host}:${this.port}`
  }

  /** To all who are connected now, TLS included. */
  get bytesSent(): number {
    return [...this.#sockets].reduce((sum, it) => sum + it.bytesWritten, 0)
  }

  /** The same of those at one address. */
  bytesSentTo(address: string): number {
    const connected = [...this.#sockets].filter((it) => it.remoteAddress === address)
    return connected.reduce((sum, it) => sum + it.bytesWritten, 0)
  }

  /** An object as it is to be there: created, or put in the place of the one of that name, its status included. */
  put(plural: string, object: Json): ApiObject {
    const resource = resourceOf(plural)
    const { metadata } = object as ApiObject
    const namespace = resource.isNamespaced ? (metadata.namespace ?? 'default') : null
    const { name } = metadata
    const whole = { ...object, apiVersion: apiVersionOf(resource), kind: resource.kind } as ApiObject
    if (this.store.has(resource, namespace, name)) return this.store.update(resource, namespace, name, whole)
    return this.store.create(resource, namespace, whole)
  }

  remove(plural: string, namespace: string | null, name: string): void {
    this.store.delete(resourceOf(plural), namespace, name)
  }

  /** Every watch ends as at its timeout. */
  endWatches(): void {
    for (const watch of this.watches) watch.end()
  }

  /** Every connection breaks. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Breaks every connection and refuses new ones, until `accept`. */
  async refuse(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.cut()
    await closed
  }

  /** Listens again, on the same port. */
  async accept(): Promise<void> {
    await this.#listen()
  }

  async stop(): Promise<void> {
    if (this.#server.listening) await this.refuse()
  }

  async #listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', reject)
    this.#server.listen(this.#address?.port ?? this.#options.port ?? 0, this.host, resolve)
    await promise
    this.#server.off('error', reject)
    this.#address = this.#server.address() as AddressInfo
  }

  #handle(...[request, response]: Parameters<Parameters<typeof createServer>[1] & object>): void {
    if (request.url?.startsWith('/-/')) void controlRoute(this, request, response)
    else void this.handle(request, response)
  }
}

function resourceOf(plural: string): ApiResource {
  const resource = API_RESOURCES.find((it) => it.plural === plural)
  if (resource === undefined) throw new Error(`no kind is called ${plural}`)
  return resource
}
