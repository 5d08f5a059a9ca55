import { rmSync } from 'node:fs'
import * as grpc from '@grpc/grpc-js'
import type protobuf from 'protobufjs'
import type { DaemonEvent } from '../../../src/containerd/client/daemon-client.ts'
import type { Witness } from '../../../src/containerd/witness.ts'
import type { MemoryDaemon } from './memory-daemon.ts'
import { loadProtoFiles, servicesOf } from './proto-files.ts'
import { ANSWERS, type Answer, type Asked, contentOf, type Plain, statusOf, timeOf } from './wire-answers.ts'

const SUBSCRIBE = 'containerd.services.events.v1.Events/Subscribe'
const LIST_CONTENT = 'containerd.services.content.v1.Content/List'
const READ_CONTENT = 'containerd.services.content.v1.Content/Read'
const STREAM = 'containerd.services.streaming.v1.Streaming/Stream'
const TRANSFER = 'containerd.services.transfer.v1.Transfer/Transfer'

const root = loadProtoFiles()

/** How the double answers: as containerd, never, or with bytes that are no message. */
export type Manner = 'serve' | 'hang' | 'nonsense'

/**
 * A daemon in memory on a real socket: gRPC as @grpc/grpc-js and protobufjs speak it, from the `.proto` files, so
 * nothing of the client's own code is on this side. It hangs, vanishes, comes back and speaks nonsense when told to.
 */
export class WireDouble {
  readonly socket: string
  manner: Manner = 'serve'
  /** Methods that are never answered, while the others are. */
  readonly hanging = new Set<string>()
  /** Calls that came in and are not answered, by method; the most at a time. */
  readonly pending = new Map<string, number>()
  readonly mostPending = new Map<string, number>()
  /** Calls that came in so far, and the most of all methods at a time; subscriptions wait for no answer. */
  calls = 0
  mostPendingTogether = 0
  /** Subscriptions that came in so far, and those that are open. */
  subscriptions = 0
  openSubscriptions = 0
  mostOpenSubscriptions = 0
  /** Bytes of each content that a manifest names. */
  contentSize = 10
  readonly #daemon: MemoryDaemon
  readonly #logStreams = new Map<string, grpc.ServerDuplexStream<Plain, Plain>>()
  #server: grpc.Server | null = null

  constructor(daemon: MemoryDaemon, socket: string) {
    this.#daemon = daemon
    this.socket = socket
  }

  /** Listens, on a new socket of the same name. */
  async start(): Promise<void> {
    const server = new grpc.Server()
    for (const service of servicesOf(root)) this.#addService(server, service)
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${this.socket}`, grpc.ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      )
    })
    this.#server = server
  }

  /** Ends every connection at once and takes the socket away. */
  stop(): void {
    this.#server?.forceShutdown()
    this.#server = null
    this.pending.clear()
    rmSync(this.socket, { force: true })
  }

  #addService(server: grpc.Server, service: protobuf.Service): void {
    const definition: Record<string, grpc.MethodDefinition<Plain, Plain>> = {}
    const handlers: Record<string, grpc.UntypedHandleCall> = {}
    for (const method of service.methodsArray) {
      const path = `${service.fullName.slice(1)}/${method.name}`
      definition[method.name] = {
        path: `/${path}`,
        requestStream: method.requestStream === true,
        responseStream: method.responseStream === true,
        requestSerialize: () => Buffer.alloc(0),
        requestDeserialize: (bytes) => plain(method.resolvedRequestType, bytes),
        responseSerialize: (value) => this.#bytesOf(method.resolvedResponseType, value),
        responseDeserialize: () => ({}),
      }
      handlers[method.name] = this.#handler(path)
    }
    server.addService(definition, handlers)
  }

  #bytesOf(type: protobuf.Type | null, value: Plain): Buffer {
    if (this.manner === 'nonsense') return Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x0f, 0x01])
    if (type === null) throw new Error('an unknown message')
    return Buffer.from(type.encode(type.fromObject(value)).finish())
  }

  #handler(path: string): grpc.UntypedHandleCall {
    if (path === SUBSCRIBE) return (call: grpc.ServerWritableStream<Plain, Plain>) => this.#subscribe(call)
    if (path === LIST_CONTENT) return (call: grpc.ServerWritableStream<Plain, Plain>) => this.#listContent(call)
    if (path === READ_CONTENT) return (call: grpc.ServerWritableStream<Plain, Plain>) => this.#readContent(call)
    if (path === STREAM) return (call: grpc.ServerDuplexStream<Plain, Plain>) => this.#openStream(call)
    const answer = path === TRANSFER ? this.#transfer : ANSWERS[path]
    if (answer === undefined) throw new Error(`the double does not know ${path}`)
    return (call: grpc.ServerUnaryCall<Plain, Plain>, done: grpc.sendUnaryData<Plain>) => {
      this.#count(path, 1)
      if (this.manner === 'hang' || this.hanging.has(path)) {
        // A fetch that does not end has said what it did.
        if (path === TRANSFER) this.#dump(call.request, this.#asked(call.metadata)).catch(() => {})
        return call.on('cancelled', () => this.#count(path, -1))
      }
      answer(call.request, this.#asked(call.metadata))
        .then((it) => done(null, it))
        .catch((error: unknown) => done(statusOf(error)))
        .finally(() => this.#count(path, -1))
    }
  }

  #count(path: string, by: 1 | -1): void {
    if (by === 1) this.calls++
    const pending = (this.pending.get(path) ?? 0) + by
    this.pending.set(path, pending)
    this.mostPending.set(path, Math.max(pending, this.mostPending.get(path) ?? 0))
    const together = [...this.pending.values()].reduce((sum, it) => sum + it, 0)
    this.mostPendingTogether = Math.max(together, this.mostPendingTogether)
  }

  #subscribe(call: grpc.ServerWritableStream<Plain, Plain>): void {
    this.subscriptions++
    this.openSubscriptions++
    this.mostOpenSubscriptions = Math.max(this.openSubscriptions, this.mostOpenSubscriptions)
    const filters = call.request.filters as string[]
    const onEvent = (event: DaemonEvent) => call.write(envelopeOf(event))
    const subscription = this.#daemon.subscribe(filters, { onEvent, onUp: () => {}, onDown: () => {} })
    call.on('cancelled', () => {
      subscription.close()
      this.openSubscriptions--
    })
  }

  async #listContent(call: grpc.ServerWritableStream<Plain, Plain>): Promise<void> {
    try {
      for (const info of await this.#asked(call.metadata).store.contents(call.request.filters as string[])) {
        call.write({ info: [contentOf(info)] })
      }
      call.end()
    } catch (error) {
      call.emit('error', statusOf(error))
    }
  }

  /** In pieces, as containerd sends it. */
  async #readContent(call: grpc.ServerWritableStream<Plain, Plain>): Promise<void> {
    const { digest, size } = call.request
    const bytes = await this.#asked(call.metadata).store.readContent(String(digest), Number(size))
    if (bytes === null) return void call.emit('error', { code: grpc.status.NOT_FOUND, details: `content ${digest}` })
    const half = bytes.length >> 1
    call.write({ offset: 0, data: bytes.subarray(0, half) })
    call.write({ offset: half, data: bytes.subarray(half) })
    call.end()
  }

  #openStream(call: grpc.ServerDuplexStream<Plain, Plain>): void {
    call.once('data', (init: { value: Uint8Array }) => {
      const { id } = plain(root.lookupType('containerd.services.streaming.v1.StreamInit'), init.value)
      this.#logStreams.set(String(id), call)
      call.write({})
      call.on('data', () => {})
    })
  }

  #asked(metadata: grpc.Metadata): Asked {
    const namespace = String(metadata.get('containerd-namespace')[0] ?? '')
    const client = this.#daemon.client()
    return { client, daemon: this.#daemon, namespace, store: client.inNamespace(namespace) }
  }

  /** Leaves the image, as containerd does. */
  readonly #transfer: Answer = async (request, asked) => {
    const { reference, error } = await this.#dump(request, asked)
    if (error !== null) throw error
    const target = { mediaType: '', digest: '', size: 0 }
    const record = { name: reference, labels: new Map(), target, createdAt: null, updatedAt: null }
    asked.daemon.store(asked.namespace).images.set(reference, record)
    return {}
  }

  async #dump(request: Plain, { store }: Asked): Promise<Witness & { reference: string }> {
    const { value } = request.source as { value: Uint8Array }
    const { reference, resolver } = plain(root.lookupType('containerd.types.transfer.OCIRegistry'), value)
    const { logsStream } = resolver as { logsStream: string }
    const task = {
      reference: String(reference),
      hostsDir: String((resolver as { hostDir: string }).hostDir),
      platform: { os: 'linux', architecture: 'amd64' },
      deadline: 1000,
    }
    const witness = await store.witness(task)
    const stream = this.#logStreams.get(logsStream)
    for (const dump of dumpsOf(witness, this.contentSize)) stream?.write(dataOf(dump))
    return { ...witness, reference: task.reference }
  }
}

const PAYLOADS: Record<string, string> = {
  '/images/create': 'containerd.services.images.v1.ImageCreate',
  '/images/update': 'containerd.services.images.v1.ImageUpdate',
  '/images/delete': 'containerd.services.images.v1.ImageDelete',
  '/containers/create': 'containerd.events.ContainerCreate',
  '/content/create': 'containerd.events.ContentCreate',
  '/content/delete': 'containerd.events.ContentDelete',
  '/snapshot/prepare': 'containerd.events.SnapshotPrepare',
  '/snapshot/commit': 'containerd.events.SnapshotCommit',
  '/snapshot/remove': 'containerd.events.SnapshotRemove',
}

function envelopeOf({ at, namespace, topic, ...payload }: DaemonEvent): Plain {
  return { timestamp: timeOf(at), namespace, topic, event: any(PAYLOADS[topic] ?? '', payload) }
}

function dataOf(text: string): Plain {
  return any('containerd.types.transfer.Data', { data: Buffer.from(text) })
}

function any(name: string, value: object): Plain {
  const type = root.lookupType(name)
  return { type_url: name, value: type.encode(type.fromObject(value)).finish() }
}

/** As pkg/httpdbg writes it: with everything that must not be kept. */
function dumpsOf({ requests, manifests }: Witness, size: number): string[] {
  return requests.flatMap(({ method, host, path, ns, status, digest: named, hasLength }, index) => {
    const query = ns === null ? '?secret=SECRET' : `?ns=${encodeURIComponent(ns)}&secret=SECRET`
    const request = `${method} ${path}${query} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer SECRET\r\n\r\n`
    if (status === null) return [request]
    const digest = path.slice(path.lastIndexOf('/') + 1)
    const manifest = manifests.find((it) => it.digest === digest)
    const body = manifest === undefined ? 'SECRET' : JSON.stringify(bodyOf(manifest, size))
    const described = `${hasLength ? `Content-Length: ${body.length}\r\n` : ''}${named === null ? '' : `Docker-Content-Digest: ${named}\r\n`}`
    const hop = requests.find((it) => it.redirectedFrom === index)
    const location = hop === undefined ? '' : `Location: https://SECRET@${hop.host}${hop.path}?SECRET\r\n`
    return [request, `HTTP/1.1 ${status} Status\r\n${described}${location}Set-Cookie: SECRET\r\n\r\n${body}`]
  })
}

function bodyOf({ kind, names }: Witness['manifests'][number], size: number): object {
  const [config, ...layers] = names.map((digest) => ({ digest, size }))
  return kind === 'index' ? { manifests: [config, ...layers] } : { config, layers }
}

function plain(type: protobuf.Type | null, bytes: Uint8Array): Plain {
  return type?.toObject(type.decode(bytes), { defaults: true, longs: Number }) ?? {}
}
