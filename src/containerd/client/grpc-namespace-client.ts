import type { Witness, WitnessTask } from '../witness.ts'
import type { Container, ContentInfo, ImageRecord, Ingest, Lease, NamespaceClient, Snapshot } from './daemon-client.ts'
import { DaemonRefusal } from './daemon-error.ts'
import type { DaemonRpc } from './daemon-rpc.ts'
import * as methods from './methods.ts'
import { witness } from './witness.ts'

const SNAPSHOT_KINDS: readonly Snapshot['kind'][] = ['unknown', 'view', 'active', 'committed']
const NO_TARGET = { mediaType: '', digest: '', size: 0 }

export class GrpcNamespaceClient implements NamespaceClient {
  readonly #rpc: DaemonRpc
  readonly #namespace: string
  readonly #options: { namespace: string }

  constructor(rpc: DaemonRpc, namespace: string) {
    this.#rpc = rpc
    this.#namespace = namespace
    this.#options = { namespace }
  }

  async content(digest: string): Promise<ContentInfo | null> {
    const answer = await orNull(this.#rpc.call(methods.CONTENT_INFO, { digest }, this.#options))
    return answer?.info ?? null
  }

  async contents(filters: readonly string[]): Promise<ContentInfo[]> {
    const answers = await this.#rpc.callForAll(methods.CONTENT_LIST, { filters }, this.#options)
    return answers.flatMap(({ info }) => info)
  }

  async readContent(digest: string, most: number): Promise<Uint8Array | null> {
    // containerd refuses to read beyond the end: OUT_OF_RANGE.
    const size = Math.min(most, (await this.content(digest))?.size ?? 0)
    if (size === 0) return null
    const answers = await orNull(this.#rpc.callForAll(methods.CONTENT_READ, { digest, size }, this.#options))
    return answers === null ? null : Buffer.concat(answers.map(({ data }) => data))
  }

  async ingests(filters: readonly string[]): Promise<Ingest[]> {
    const { statuses } = await this.#rpc.call(methods.INGESTS, { filters }, this.#options)
    return [...statuses]
  }

  async image(name: string): Promise<ImageRecord | null> {
    const answer = await orNull(this.#rpc.call(methods.IMAGE_GET, { name }, this.#options))
    const image = answer?.image ?? null
    return image === null ? null : { ...image, target: image.target ?? NO_TARGET }
  }

  async images(filters: readonly string[]): Promise<ImageRecord[]> {
    const { images } = await this.#rpc.call(methods.IMAGE_LIST, { filters }, this.#options)
    return images.map((image) => ({ ...image, target: image.target ?? NO_TARGET }))
  }

  async deleteImage(name: string): Promise<boolean> {
    return (await orNull(this.#rpc.call(methods.IMAGE_DELETE, { name, sync: true }, this.#options))) !== null
  }

  async snapshot(snapshotter: string, key: string): Promise<Snapshot | null> {
    const answer = await orNull(this.#rpc.call(methods.SNAPSHOT_STAT, { snapshotter, key }, this.#options))
    const info = answer?.info ?? null
    return info === null ? null : { ...info, kind: SNAPSHOT_KINDS[info.kind] ?? 'unknown' }
  }

  async createLease(id: string, labels: ReadonlyMap<string, string>): Promise<void> {
    await this.#rpc.call(methods.LEASE_CREATE, { id, labels }, this.#options)
  }

  async leases(filters: readonly string[]): Promise<Lease[]> {
    const { leases } = await this.#rpc.call(methods.LEASE_LIST, { filters }, this.#options)
    return [...leases]
  }

  async leaseResources(id: string): Promise<{ id: string; type: string }[] | null> {
    const answer = await orNull(this.#rpc.call(methods.LEASE_RESOURCES, { id }, this.#options))
    return answer === null ? null : [...answer.resources]
  }

  async deleteLease(id: string): Promise<boolean> {
    return (await orNull(this.#rpc.call(methods.LEASE_DELETE, { id, sync: true }, this.#options))) !== null
  }

  async container(id: string): Promise<Container | null> {
    const answer = await orNull(this.#rpc.call(methods.CONTAINER_GET, { id }, this.#options))
    return answer?.container ?? null
  }

  witness(task: WitnessTask): Promise<Witness> {
    return witness(this.#rpc, this.#namespace, this, task)
  }
}

/** What is not there is an answer, not an error. */
async function orNull<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof DaemonRefusal && error.grpcCode === 'NOT_FOUND') return null
    throw error
  }
}
