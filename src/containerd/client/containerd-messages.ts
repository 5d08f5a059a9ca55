/** The `.proto` files of containerd's own services as tables. */
import {
  bool,
  bytes,
  enumeration,
  int32,
  int64,
  message,
  nested,
  repeated,
  repeatedStrings,
  string,
  stringMap,
  timestamp,
  uint64,
} from './wire-format.ts'

export const Empty = message('google.protobuf.Empty', {})
export const Any = message('google.protobuf.Any', { typeUrl: string(1), value: bytes(2) })

const VERSION = 'containerd.services.version.v1'
export const VersionResponse = message(`${VERSION}.VersionResponse`, { version: string(1), revision: string(2) })

const INTROSPECTION = 'containerd.services.introspection.v1'
const InitError = message(`${INTROSPECTION}.InitError`, { code: int32(1), message: string(2) })
const Plugin = message(`${INTROSPECTION}.Plugin`, {
  type: string(1),
  id: string(2),
  exports: stringMap(5),
  initErr: nested(7, InitError),
})
const DeprecationWarning = message(`${INTROSPECTION}.DeprecationWarning`, { id: string(1), message: string(2) })
export const PluginsRequest = message(`${INTROSPECTION}.PluginsRequest`, { filters: repeatedStrings(1) })
export const PluginsResponse = message(`${INTROSPECTION}.PluginsResponse`, { plugins: repeated(1, Plugin) })
export const ServerResponse = message(`${INTROSPECTION}.ServerResponse`, {
  uuid: string(1),
  pid: uint64(2),
  deprecations: repeated(4, DeprecationWarning),
})

const CONTENT = 'containerd.services.content.v1'
export const ContentInfo = message(`${CONTENT}.Info`, {
  digest: string(1),
  size: int64(2),
  createdAt: timestamp(3),
  updatedAt: timestamp(4),
  labels: stringMap(5),
})
const IngestStatus = message(`${CONTENT}.Status`, {
  startedAt: timestamp(1),
  updatedAt: timestamp(2),
  ref: string(3),
  offset: int64(4),
  total: int64(5),
})
export const ContentInfoRequest = message(`${CONTENT}.InfoRequest`, { digest: string(1) })
export const ContentInfoResponse = message(`${CONTENT}.InfoResponse`, { info: nested(1, ContentInfo) })
export const ListContentRequest = message(`${CONTENT}.ListContentRequest`, { filters: repeatedStrings(1) })
export const ListContentResponse = message(`${CONTENT}.ListContentResponse`, { info: repeated(1, ContentInfo) })
export const ListStatusesRequest = message(`${CONTENT}.ListStatusesRequest`, { filters: repeatedStrings(1) })
export const ListStatusesResponse = message(`${CONTENT}.ListStatusesResponse`, { statuses: repeated(1, IngestStatus) })

export const ReadContentRequest = message(`${CONTENT}.ReadContentRequest`, {
  digest: string(1),
  offset: int64(2),
  size: int64(3),
})
export const ReadContentResponse = message(`${CONTENT}.ReadContentResponse`, { offset: int64(1), data: bytes(2) })

const Descriptor = message('containerd.types.Descriptor', { mediaType: string(1), digest: string(2), size: int64(3) })
const Platform = message('containerd.types.Platform', { os: string(1), architecture: string(2) })
export const Envelope = message('containerd.types.Envelope', {
  timestamp: timestamp(1),
  namespace: string(2),
  topic: string(3),
  event: nested(4, Any),
})

const IMAGES = 'containerd.services.images.v1'
export const ImageRecord = message(`${IMAGES}.Image`, {
  name: string(1),
  labels: stringMap(2),
  target: nested(3, Descriptor),
  createdAt: timestamp(7),
  updatedAt: timestamp(8),
})
export const GetImageRequest = message(`${IMAGES}.GetImageRequest`, { name: string(1) })
export const GetImageResponse = message(`${IMAGES}.GetImageResponse`, { image: nested(1, ImageRecord) })
export const ListImagesRequest = message(`${IMAGES}.ListImagesRequest`, { filters: repeatedStrings(1) })
export const ListImagesResponse = message(`${IMAGES}.ListImagesResponse`, { images: repeated(1, ImageRecord) })
export const DeleteImageRequest = message(`${IMAGES}.DeleteImageRequest`, { name: string(1), sync: bool(2) })

const SNAPSHOTS = 'containerd.services.snapshots.v1'
const SnapshotInfo = message(`${SNAPSHOTS}.Info`, {
  name: string(1),
  parent: string(2),
  kind: enumeration(3),
  createdAt: timestamp(4),
})
export const StatSnapshotRequest = message(`${SNAPSHOTS}.StatSnapshotRequest`, {
  snapshotter: string(1),
  key: string(2),
})
export const StatSnapshotResponse = message(`${SNAPSHOTS}.StatSnapshotResponse`, { info: nested(1, SnapshotInfo) })

const LEASES = 'containerd.services.leases.v1'
const Lease = message(`${LEASES}.Lease`, { id: string(1), createdAt: timestamp(2), labels: stringMap(3) })
export const ListLeasesRequest = message(`${LEASES}.ListRequest`, { filters: repeatedStrings(1) })
export const ListLeasesResponse = message(`${LEASES}.ListResponse`, { leases: repeated(1, Lease) })
export const CreateLeaseRequest = message(`${LEASES}.CreateRequest`, { id: string(1), labels: stringMap(3) })
export const CreateLeaseResponse = message(`${LEASES}.CreateResponse`, { lease: nested(1, Lease) })
export const DeleteLeaseRequest = message(`${LEASES}.DeleteRequest`, { id: string(1), sync: bool(2) })

const Resource = message(`${LEASES}.Resource`, { id: string(1), type: string(2) })
export const ListResourcesRequest = message(`${LEASES}.ListResourcesRequest`, { id: string(1) })
export const ListResourcesResponse = message(`${LEASES}.ListResourcesResponse`, { resources: repeated(1, Resource) })

const CONTAINERS = 'containerd.services.containers.v1'
const Container = message(`${CONTAINERS}.Container`, {
  id: string(1),
  labels: stringMap(2),
  image: string(3),
  createdAt: timestamp(8),
})
export const GetContainerRequest = message(`${CONTAINERS}.GetContainerRequest`, { id: string(1) })
export const GetContainerResponse = message(`${CONTAINERS}.GetContainerResponse`, { container: nested(1, Container) })

export const SubscribeRequest = message('containerd.services.events.v1.SubscribeRequest', {
  filters: repeatedStrings(1),
})
export const ImageCreate = message(`${IMAGES}.ImageCreate`, { name: string(1) })
export const ImageUpdate = message(`${IMAGES}.ImageUpdate`, { name: string(1) })
export const ImageDelete = message(`${IMAGES}.ImageDelete`, { name: string(1) })
export const ContentCreate = message('containerd.events.ContentCreate', { digest: string(1), size: int64(2) })
export const ContentDelete = message('containerd.events.ContentDelete', { digest: string(1) })
export const ContainerCreate = message('containerd.events.ContainerCreate', { id: string(1), image: string(2) })
export const SnapshotPrepare = message('containerd.events.SnapshotPrepare', { key: string(1), parent: string(2) })
export const SnapshotCommit = message('containerd.events.SnapshotCommit', { key: string(1), name: string(2) })
export const SnapshotRemove = message('containerd.events.SnapshotRemove', { key: string(1) })

const TRANSFER = 'containerd.types.transfer'
const RegistryResolver = message(`${TRANSFER}.RegistryResolver`, {
  hostDir: string(3),
  httpDebug: enumeration(5),
  logsStream: string(6),
})
export const OCIRegistry = message(`${TRANSFER}.OCIRegistry`, {
  reference: string(1),
  resolver: nested(2, RegistryResolver),
})
export const ImageStore = message(`${TRANSFER}.ImageStore`, {
  name: string(1),
  labels: stringMap(2),
  platforms: repeated(3, Platform),
})
export const Data = message(`${TRANSFER}.Data`, { data: bytes(1) })
export const WindowUpdate = message(`${TRANSFER}.WindowUpdate`, { update: int32(1) })
export const StreamInit = message('containerd.services.streaming.v1.StreamInit', { id: string(1) })
export const TransferRequest = message('containerd.services.transfer.v1.TransferRequest', {
  source: nested(1, Any),
  destination: nested(2, Any),
})
