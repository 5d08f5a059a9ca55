/** What the double on the wire answers to each call: what the daemon in memory says, as containerd would send it. */
import type * as grpc from '@grpc/grpc-js'
import type {
  ContentInfo,
  CriImage,
  DaemonClient,
  ImageRecord,
  NamespaceClient,
} from '../../../src/containerd/client/daemon-client.ts'
import { DaemonRefusal } from '../../../src/containerd/client/daemon-error.ts'
import type { MemoryDaemon } from './memory-daemon.ts'

/** A message as protobufjs takes and gives it. */
export type Plain = Record<string, unknown>

/** Who is asked: the daemon, and its store in the namespace that the call names. */
export interface Asked {
  client: DaemonClient
  daemon: MemoryDaemon
  namespace: string
  store: NamespaceClient
}

export type Answer = (request: Plain, asked: Asked) => Promise<Plain>

const CRI_RUNTIME = 'runtime.v1.RuntimeService'
const CRI_IMAGES = 'runtime.v1.ImageService'
const UNKNOWN = 2
const NOT_FOUND = 5
const CODES: Record<string, number> = { INVALID_ARGUMENT: 3, NOT_FOUND, UNIMPLEMENTED: 12, UNAVAILABLE: 14 }

export const ANSWERS: Record<string, Answer> = {
  'containerd.services.version.v1.Version/Version': (_, { client }) => client.version(),
  'containerd.services.introspection.v1.Introspection/Server': async (_, { client }) => ({
    ...(await client.server()),
  }),
  'containerd.services.introspection.v1.Introspection/Plugins': async ({ filters }, { client }) => ({
    plugins: (await client.plugins(filters as string[])).map(({ exports, initError, ...plugin }) => ({
      ...plugin,
      exports: Object.fromEntries(exports),
      ...(initError === null ? {} : { initErr: { code: UNKNOWN, message: initError } }),
    })),
  }),
  [`${CRI_RUNTIME}/Version`]: async (_, { client }) => {
    const { name, version } = await client.cri.version()
    return { runtimeName: name, runtimeVersion: version }
  },
  [`${CRI_RUNTIME}/Status`]: async (_, { daemon }) => ({
    status: { conditions: daemon.conditions.map(({ isTrue, ...it }) => ({ ...it, status: isTrue })) },
    info: { config: daemon.criConfig, golang: '"go1.27.1"' },
  }),
  [`${CRI_IMAGES}/ListImages`]: async (_, { client }) => ({ images: (await client.cri.listImages()).map(criImageOf) }),
  [`${CRI_IMAGES}/ImageStatus`]: async (request, { client }) => {
    const image = await client.cri.imageStatus(referenceOf(request))
    return image === null ? {} : { image: criImageOf(image) }
  },
  [`${CRI_IMAGES}/PullImage`]: async (request, { client }) => ({
    imageRef: await client.cri.pullImage(referenceOf(request), 1000),
  }),
  [`${CRI_IMAGES}/RemoveImage`]: async (request, { client }) => {
    await client.cri.removeImage(referenceOf(request))
    return {}
  },
  [`${CRI_IMAGES}/ImageFsInfo`]: async (_, { client }) => ({
    imageFilesystems: (await client.cri.imageFilesystems()).map(({ mountpoint, usedBytes }) => ({
      fsId: { mountpoint },
      usedBytes: { value: usedBytes },
    })),
  }),
  'containerd.services.content.v1.Content/Info': async ({ digest }, { store }) => ({
    info: contentOf(found(await store.content(String(digest)), `content ${digest}`)),
  }),
  'containerd.services.content.v1.Content/ListStatuses': async ({ filters }, { store }) => ({
    statuses: (await store.ingests(filters as string[])).map((it) => ({
      ...it,
      startedAt: timeOf(it.startedAt),
      updatedAt: timeOf(it.updatedAt),
    })),
  }),
  'containerd.services.images.v1.Images/Get': async ({ name }, { store }) => ({
    image: imageOf(found(await store.image(String(name)), `image "${name}"`)),
  }),
  'containerd.services.images.v1.Images/List': async ({ filters }, { store }) => ({
    images: (await store.images(filters as string[])).map(imageOf),
  }),
  'containerd.services.images.v1.Images/Delete': async ({ name }, { store }) => {
    found((await store.deleteImage(String(name))) || null, `image "${name}"`)
    return {}
  },
  'containerd.services.snapshots.v1.Snapshots/Stat': async ({ snapshotter, key }, { store }) => {
    const snapshot = await store.snapshot(String(snapshotter), String(key))
    const { kind, createdAt, ...info } = found(snapshot, `snapshot ${key}`)
    return { info: { ...info, kind: kind.toUpperCase(), createdAt: timeOf(createdAt) } }
  },
  'containerd.services.leases.v1.Leases/List': async ({ filters }, { store }) => ({
    leases: (await store.leases(filters as string[])).map((it) => ({
      id: it.id,
      createdAt: timeOf(it.createdAt),
      labels: Object.fromEntries(it.labels),
    })),
  }),
  'containerd.services.leases.v1.Leases/Create': async ({ id, labels }, { store }) => {
    await store.createLease(String(id), new Map(Object.entries(labels as object)))
    return { lease: { id, labels } }
  },
  'containerd.services.leases.v1.Leases/ListResources': async ({ id }, { store }) => ({
    resources: found(await store.leaseResources(String(id)), `lease "${id}"`),
  }),
  'containerd.services.containers.v1.Containers/Get': async ({ id }, { store }) => {
    const { labels, createdAt, ...container } = found(await store.container(String(id)), `container "${id}"`)
    return { container: { ...container, labels: Object.fromEntries(labels), createdAt: timeOf(createdAt) } }
  },
  'containerd.services.leases.v1.Leases/Delete': async ({ id }, { store }) => {
    found((await store.deleteLease(String(id))) || null, `lease "${id}"`)
    return {}
  },
}

export function statusOf(error: unknown): Partial<grpc.StatusObject> {
  if (!(error instanceof DaemonRefusal)) return { code: UNKNOWN, details: String(error) }
  return { code: CODES[error.grpcCode] ?? UNKNOWN, details: error.words }
}

export function contentOf(info: ContentInfo): Plain {
  const { digest, size, createdAt, updatedAt, labels } = info
  const times = { createdAt: timeOf(createdAt), updatedAt: timeOf(updatedAt) }
  return { digest, size, ...times, labels: Object.fromEntries(labels) }
}

export function timeOf(at: number | null): Plain | undefined {
  if (at === null) return undefined
  const seconds = Math.floor(at / 1000)
  return { seconds, nanos: (at - seconds * 1000) * 1e6 }
}

function imageOf({ name, labels, target, createdAt, updatedAt }: ImageRecord): Plain {
  const times = { createdAt: timeOf(createdAt), updatedAt: timeOf(updatedAt) }
  return { name, labels: Object.fromEntries(labels), target, ...times }
}

function criImageOf({ id, tags, digests, size, isPinned }: CriImage): Plain {
  return { id, repoTags: tags, repoDigests: digests, size, pinned: isPinned }
}

function referenceOf({ image }: Plain): string {
  return String((image as Plain).image)
}

function found<T>(value: T | null, what: string): T {
  if (value !== null) return value
  throw new DaemonRefusal('', { code: NOT_FOUND, details: `${what}: not found` })
}
