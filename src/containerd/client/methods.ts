/** Every call that is made to the daemon: where it goes, what it carries and how long it takes. */
import * as native from './containerd-messages.ts'
import * as cri from './cri-messages.ts'
import type { Message } from './wire-format.ts'

/** One kind of call. */
export interface Method<Q extends object, A extends object> {
  /** `runtime.v1.RuntimeService/Version`. */
  path: string
  request: Message<Q>
  answer: Message<A>
  /**
   * `quick`: a healthy daemon answers from memory, or by a look into its database. `removal`: it waits for the
   * collection of garbage. `given`: the caller says.
   */
  duration: 'quick' | 'removal' | 'given'
}

function method<Q extends object, A extends object>(
  path: string,
  request: Message<Q>,
  answer: Message<A>,
  duration: Method<Q, A>['duration'] = 'quick',
): Method<Q, A> {
  return { path, request, answer, duration }
}

const RUNTIME = 'runtime.v1.RuntimeService'
const CRI_IMAGES = 'runtime.v1.ImageService'
const INTROSPECTION = 'containerd.services.introspection.v1.Introspection'
const CONTENT = 'containerd.services.content.v1.Content'
const IMAGES = 'containerd.services.images.v1.Images'
const LEASES = 'containerd.services.leases.v1.Leases'

export const CRI_VERSION = method(`${RUNTIME}/Version`, cri.VersionRequest, cri.VersionResponse)
export const CRI_STATUS = method(`${RUNTIME}/Status`, cri.StatusRequest, cri.StatusResponse)
export const CRI_LIST_IMAGES = method(`${CRI_IMAGES}/ListImages`, cri.ListImagesRequest, cri.ListImagesResponse)
export const CRI_IMAGE_STATUS = method(`${CRI_IMAGES}/ImageStatus`, cri.ImageStatusRequest, cri.ImageStatusResponse)
export const CRI_PULL = method(`${CRI_IMAGES}/PullImage`, cri.PullImageRequest, cri.PullImageResponse, 'given')
export const CRI_REMOVE = method(
  `${CRI_IMAGES}/RemoveImage`,
  cri.RemoveImageRequest,
  cri.RemoveImageResponse,
  'removal',
)
export const CRI_IMAGE_FS = method(`${CRI_IMAGES}/ImageFsInfo`, cri.ImageFsInfoRequest, cri.ImageFsInfoResponse)

export const VERSION = method('containerd.services.version.v1.Version/Version', native.Empty, native.VersionResponse)
export const SERVER = method(`${INTROSPECTION}/Server`, native.Empty, native.ServerResponse)
export const PLUGINS = method(`${INTROSPECTION}/Plugins`, native.PluginsRequest, native.PluginsResponse)

export const CONTENT_INFO = method(`${CONTENT}/Info`, native.ContentInfoRequest, native.ContentInfoResponse)
export const CONTENT_LIST = method(`${CONTENT}/List`, native.ListContentRequest, native.ListContentResponse)
export const CONTENT_READ = method(`${CONTENT}/Read`, native.ReadContentRequest, native.ReadContentResponse)
export const INGESTS = method(`${CONTENT}/ListStatuses`, native.ListStatusesRequest, native.ListStatusesResponse)

export const IMAGE_GET = method(`${IMAGES}/Get`, native.GetImageRequest, native.GetImageResponse)
export const IMAGE_LIST = method(`${IMAGES}/List`, native.ListImagesRequest, native.ListImagesResponse)
export const IMAGE_DELETE = method(`${IMAGES}/Delete`, native.DeleteImageRequest, native.Empty, 'removal')

export const SNAPSHOT_STAT = method(
  'containerd.services.snapshots.v1.Snapshots/Stat',
  native.StatSnapshotRequest,
  native.StatSnapshotResponse,
)

export const LEASE_LIST = method(`${LEASES}/List`, native.ListLeasesRequest, native.ListLeasesResponse)
export const LEASE_CREATE = method(`${LEASES}/Create`, native.CreateLeaseRequest, native.CreateLeaseResponse)
export const LEASE_DELETE = method(`${LEASES}/Delete`, native.DeleteLeaseRequest, native.Empty, 'removal')

export const LEASE_RESOURCES = method(
  `${LEASES}/ListResources`,
  native.ListResourcesRequest,
  native.ListResourcesResponse,
)

export const CONTAINER_GET = method(
  'containerd.services.containers.v1.Containers/Get',
  native.GetContainerRequest,
  native.GetContainerResponse,
)

/** A stream without an end. */
export const SUBSCRIBE = method(
  'containerd.services.events.v1.Events/Subscribe',
  native.SubscribeRequest,
  native.Envelope,
)

export const TRANSFER = method(
  'containerd.services.transfer.v1.Transfer/Transfer',
  native.TransferRequest,
  native.Empty,
  'given',
)
export const STREAM = method('containerd.services.streaming.v1.Streaming/Stream', native.Any, native.Any, 'given')
