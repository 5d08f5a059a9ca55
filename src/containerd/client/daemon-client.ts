/**
 * The running daemon, as the rest of Pullpath sees it. There are two of it: the real one (`openDaemonClient`) and one
 * in memory for tests; one suite of tests holds both to the same behaviour.
 *
 * Every call ends: with its answer, or with one of the errors of `daemon-error.ts`. There is never more than one call
 * of a kind under way; the next of that kind waits, within its own deadline.
 */
import type { PullpathError } from '../../errors.ts'
import type { Witness, WitnessTask } from '../witness.ts'
import type { CriConfigAnswer } from './cri-config-answer.ts'

export interface DaemonClient {
  /** When the daemon began to listen, in milliseconds since the epoch: a restart makes a new socket. */
  listeningSince(): Promise<number>
  /** As it says itself: `2.1.9+unknown`, `v1.7.34`. */
  version(): Promise<{ version: string; revision: string }>
  server(): Promise<DaemonServer>
  /** `filters`: any of them, in containerd's language: `type==io.containerd.cri.v1,id==images`; none: all. */
  plugins(filters: readonly string[]): Promise<DaemonPlugin[]>
  /** Listens to the daemon until it is closed, over its restarts. `filters`: any of them: `topic~="/images/"`. */
  subscribe(filters: readonly string[], listener: EventListener): Subscription
  readonly cri: CriClient
  /** Images, content and snapshots are kept apart by namespace; CRI's is `k8s.io`. */
  inNamespace(namespace: string): NamespaceClient
  /** Ends everything under way. Whatever is asked afterwards is refused with PP_DAEMON_UNREACHABLE. */
  close(): void
}

export interface DaemonServer {
  /** Stays the same over restarts. */
  uuid: string
  /** In the daemon's own process namespace. */
  pid: number
  deprecations: { id: string; message: string }[]
}

export interface DaemonPlugin {
  type: string
  id: string
  exports: ReadonlyMap<string, string>
  /** Why it did not load; null: it did, or was skipped without a reason. */
  initError: string | null
}

/** What the kubelet speaks. */
export interface CriClient {
  version(): Promise<{ name: string; version: string }>
  status(): Promise<CriStatus>
  /** As the kubelet would, without credentials. `deadline` in milliseconds. Resolves to the id of the image. */
  pullImage(reference: string, deadline: number, options?: PullOptions): Promise<string>
  /** null: it is not there. */
  imageStatus(reference: string): Promise<CriImage | null>
  /** Removes every reference to the same image id, and what nothing else needs. One that is not there is no error. */
  removeImage(reference: string): Promise<void>
  listImages(): Promise<CriImage[]>
  /** One for each file system that images are on. `usedBytes` is what images take. */
  imageFilesystems(): Promise<{ mountpoint: string; usedBytes: number }[]>
}

export interface PullOptions {
  /** Of CRI's namespace: what the pull makes belongs to it. Default: to one that containerd makes itself. */
  lease?: string
  /** Breaks the pull off. */
  signal?: AbortSignal
}

export interface CriStatus {
  conditions: { type: string; isTrue: boolean; reason: string; message: string }[]
  /** null: this release does not tell it (2.x). Without credentials. */
  config: CriConfigAnswer | null
}

export interface CriImage {
  id: string
  tags: readonly string[]
  digests: readonly string[]
  size: number
  /** Never collected by the kubelet. */
  isPinned: boolean
}

export interface NamespaceClient {
  /** One blob; null: it is not in the store. A layer is not after it was unpacked with discard_unpacked_layers. */
  content(digest: string): Promise<ContentInfo | null>
  /** `filters`: any of them: `labels."containerd.io/distribution.source.docker.io"~=app`. */
  contents(filters: readonly string[]): Promise<ContentInfo[]>
  /** The first `most` bytes of a blob; null: it is not in the store. */
  readContent(digest: string, most: number): Promise<Uint8Array | null>
  /** What is being fetched, or was broken off. `filters`: any of them: `ref~="^layer-"`. */
  ingests(filters: readonly string[]): Promise<Ingest[]>
  image(name: string): Promise<ImageRecord | null>
  images(filters: readonly string[]): Promise<ImageRecord[]>
  /** Removes one record, and waits until what nothing refers to any more is gone. False: it was not there. */
  deleteImage(name: string): Promise<boolean>
  /** `key`: the chain id of a layer. null: it is not there. */
  snapshot(snapshotter: string, key: string): Promise<Snapshot | null>
  /** What is made for a call that names it is kept until it is deleted. `id` must be new. */
  createLease(id: string, labels: ReadonlyMap<string, string>): Promise<void>
  /** A pull under way holds one. */
  leases(filters: readonly string[]): Promise<Lease[]>
  /** What a lease keeps, by its kind: `content`, `ingests`, `snapshots/overlayfs`. null: there is no such lease any more. */
  leaseResources(id: string): Promise<{ id: string; type: string }[] | null>
  /** Waits until what only it kept is gone, ingests that were broken off among it. False: it was not there. */
  deleteLease(id: string): Promise<boolean>
  /** null: it is not there. */
  container(id: string): Promise<Container | null>
  /**
   * Lets containerd (2.1 and later) fetch an image and say every request that it sends. Whatever comes of it, nothing of
   * it is left in the namespace, which must be Pullpath's own. Rejects where the dialogue cannot be had, or something
   * could not be removed: it then expires by itself.
   */
  witness(task: WitnessTask): Promise<Witness>
}

/** Times are milliseconds since the epoch; null: containerd did not say. */
export interface ContentInfo {
  digest: string
  size: number
  /** When it was complete. */
  createdAt: number | null
  updatedAt: number | null
  labels: ReadonlyMap<string, string>
}

export interface Ingest {
  /** `layer-sha256:…`, `manifest-…`, `config-…`, `index-…`. */
  ref: string
  startedAt: number | null
  /** The last write. */
  updatedAt: number | null
  /** Bytes so far; containerd counts in steps of about 1 MiB. */
  offset: number
  /** 0: not known. */
  total: number
}

export interface ImageRecord {
  name: string
  labels: ReadonlyMap<string, string>
  target: { mediaType: string; digest: string; size: number }
  createdAt: number | null
  updatedAt: number | null
}

export interface Snapshot {
  name: string
  parent: string
  kind: 'unknown' | 'view' | 'active' | 'committed'
  createdAt: number | null
}

export interface Lease {
  id: string
  createdAt: number | null
  labels: ReadonlyMap<string, string>
}

export interface Container {
  id: string
  /** CRI's: `io.kubernetes.pod.namespace`, `io.kubernetes.pod.uid`, `io.kubernetes.container.name`, … */
  labels: ReadonlyMap<string, string>
  /** The name of one of its image's records. */
  image: string
  createdAt: number | null
}

export interface EventListener {
  /** Called in the order in which they come. */
  onEvent(event: DaemonEvent): void
  /** The subscription is in force. `since`: from then on events may have been missed, so list again; null: the first time. */
  onUp(since: number | null): void
  /** Nothing is heard any more; it is tried again until the subscription is closed. Said once for each time that it is down. */
  onDown(error: PullpathError): void
}

export interface Subscription {
  close(): void
}

/** What happened in the daemon. `at`: milliseconds since the epoch. */
export type DaemonEvent = { at: number; namespace: string } & (
  | { topic: '/images/create' | '/images/update' | '/images/delete'; name: string }
  /** `image`: one of the names of its image's records. */
  | { topic: '/containers/create'; id: string; image: string }
  /** 2.1 and later. */
  | { topic: '/content/create'; digest: string; size: number }
  /** Not for what is collected as garbage. */
  | { topic: '/content/delete'; digest: string }
  /** `key` starts with `extract-` for a layer that is unpacked. */
  | { topic: '/snapshot/prepare'; key: string; parent: string }
  /** `name`: the chain id. */
  | { topic: '/snapshot/commit'; key: string; name: string }
  | { topic: '/snapshot/remove'; key: string }
)
