import { stat } from 'node:fs/promises'
import type { PullpathError } from '../../errors.ts'
import { readCriConfig } from './cri-config-answer.ts'
import type {
  CriClient,
  CriImage,
  CriStatus,
  DaemonClient,
  DaemonPlugin,
  DaemonServer,
  EventListener,
  NamespaceClient,
  PullOptions,
  Subscription,
} from './daemon-client.ts'
import { protocolError, unreachableError } from './daemon-error.ts'
import { DaemonRpc, type Patience } from './daemon-rpc.ts'
import { readEvent } from './event-payload.ts'
import { EventSubscription, type Pace } from './event-subscription.ts'
import { GrpcNamespaceClient } from './grpc-namespace-client.ts'
import * as methods from './methods.ts'

const PATIENCE: Patience & Pace = {
  answer: 5_000,
  removal: 60_000,
  alive: 2_000,
  heartbeat: 10_000,
  firstPause: 250,
  longestPause: 5_000,
}

/**
 * A client of the containerd that listens on `socket`, an absolute path as this process sees it. Nothing is sent until
 * something is asked, and no daemon needs to be there. Its directory must be mounted, not the socket: a restart makes a
 * new one.
 */
export function openDaemonClient(socket: string, patience: Partial<Patience & Pace> = {}): DaemonClient {
  return new GrpcDaemonClient(socket, { ...PATIENCE, ...patience })
}

class GrpcDaemonClient implements DaemonClient {
  readonly #socket: string
  readonly #rpc: DaemonRpc
  readonly #pace: Pace
  readonly #subscriptions = new Set<Subscription>()
  readonly cri: CriClient

  constructor(socket: string, patience: Patience & Pace) {
    this.#socket = socket
    this.#rpc = new DaemonRpc(socket, patience)
    this.#pace = patience
    this.cri = new GrpcCriClient(this.#rpc, socket)
  }

  async listeningSince(): Promise<number> {
    this.#rpc.checkOpen()
    try {
      return (await stat(this.#socket)).mtimeMs
    } catch (error) {
      throw unreachableError(this.#socket, String(error))
    }
  }

  async version(): Promise<{ version: string; revision: string }> {
    return this.#rpc.call(methods.VERSION, {})
  }

  async server(): Promise<DaemonServer> {
    const { uuid, pid, deprecations } = await this.#rpc.call(methods.SERVER, {})
    return { uuid, pid, deprecations: [...deprecations] }
  }

  async plugins(filters: readonly string[]): Promise<DaemonPlugin[]> {
    const { plugins } = await this.#rpc.call(methods.PLUGINS, { filters })
    return plugins.map(({ type, id, exports, initErr }) => ({ type, id, exports, initError: initErr?.message ?? null }))
  }

  subscribe(filters: readonly string[], listener: EventListener): Subscription {
    this.#rpc.checkOpen()
    const source = {
      open: (onEnd: (error: PullpathError) => void) =>
        this.#rpc.stream(methods.SUBSCRIBE, { filters }, onEnd, (bytes) => {
          const event = readEvent(bytes)
          if (event !== null) listener.onEvent(event)
        }),
      ask: () => this.version(),
    }
    const subscription = new EventSubscription(source, listener, this.#pace)
    this.#subscriptions.add(subscription)
    return {
      close: () => {
        subscription.close()
        this.#subscriptions.delete(subscription)
      },
    }
  }

  inNamespace(namespace: string): NamespaceClient {
    return new GrpcNamespaceClient(this.#rpc, namespace)
  }

  close(): void {
    for (const subscription of this.#subscriptions) subscription.close()
    this.#subscriptions.clear()
    this.#rpc.close()
  }
}

class GrpcCriClient implements CriClient {
  readonly #rpc: DaemonRpc
  readonly #socket: string

  constructor(rpc: DaemonRpc, socket: string) {
    this.#rpc = rpc
    this.#socket = socket
  }

  async version(): Promise<{ name: string; version: string }> {
    const { runtimeName, runtimeVersion } = await this.#rpc.call(methods.CRI_VERSION, {})
    return { name: runtimeName, version: runtimeVersion }
  }

  async status(): Promise<CriStatus> {
    const { status, info } = await this.#rpc.call(methods.CRI_STATUS, { verbose: true })
    const conditions = status?.conditions ?? []
    return {
      conditions: conditions.map(({ type, status, reason, message }) => ({ type, isTrue: status, reason, message })),
      config: this.#configOf(info.get('config')),
    }
  }

  #configOf(json: string | undefined): CriStatus['config'] {
    if (json === undefined) return null
    try {
      return readCriConfig(json)
    } catch (error) {
      throw protocolError(methods.CRI_STATUS.path, this.#socket, error instanceof Error ? error.message : '')
    }
  }

  async pullImage(reference: string, deadline: number, options: PullOptions = {}): Promise<string> {
    const request = { image: { image: reference } }
    const { imageRef } = await this.#rpc.call(methods.CRI_PULL, request, { ...options, deadline })
    return imageRef
  }

  async imageStatus(reference: string): Promise<CriImage | null> {
    const { image } = await this.#rpc.call(methods.CRI_IMAGE_STATUS, { image: { image: reference } })
    return image === null ? null : criImage(image)
  }

  async removeImage(reference: string): Promise<void> {
    await this.#rpc.call(methods.CRI_REMOVE, { image: { image: reference } })
  }

  async listImages(): Promise<CriImage[]> {
    const { images } = await this.#rpc.call(methods.CRI_LIST_IMAGES, {})
    return images.map(criImage)
  }

  async imageFilesystems(): Promise<{ mountpoint: string; usedBytes: number }[]> {
    const { imageFilesystems } = await this.#rpc.call(methods.CRI_IMAGE_FS, {})
    return imageFilesystems.map(({ fsId, usedBytes }) => ({
      mountpoint: fsId?.mountpoint ?? '',
      usedBytes: usedBytes?.value ?? 0,
    }))
  }
}

function criImage(image: {
  id: string
  repoTags: readonly string[]
  repoDigests: readonly string[]
  size: number
  pinned: boolean
}): CriImage {
  const { id, repoTags, repoDigests, size, pinned } = image
  return { id, tags: repoTags, digests: repoDigests, size, isPinned: pinned }
}
