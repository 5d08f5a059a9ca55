/** `proto/cri.proto` as tables. */
import { bool, message, nested, repeated, repeatedStrings, string, stringMap, uint64 } from './wire-format.ts'

export const VersionRequest = message('runtime.v1.VersionRequest', {})
export const VersionResponse = message('runtime.v1.VersionResponse', {
  runtimeName: string(2),
  runtimeVersion: string(3),
})

export const RuntimeCondition = message('runtime.v1.RuntimeCondition', {
  type: string(1),
  status: bool(2),
  reason: string(3),
  message: string(4),
})
const RuntimeStatus = message('runtime.v1.RuntimeStatus', { conditions: repeated(1, RuntimeCondition) })
export const StatusRequest = message('runtime.v1.StatusRequest', { verbose: bool(1) })
export const StatusResponse = message('runtime.v1.StatusResponse', {
  status: nested(1, RuntimeStatus),
  info: stringMap(2, ['config']),
})

export const ImageSpec = message('runtime.v1.ImageSpec', { image: string(1) })
export const Image = message('runtime.v1.Image', {
  id: string(1),
  repoTags: repeatedStrings(2),
  repoDigests: repeatedStrings(3),
  size: uint64(4),
  pinned: bool(8),
})
export const ListImagesRequest = message('runtime.v1.ListImagesRequest', {})
export const ListImagesResponse = message('runtime.v1.ListImagesResponse', { images: repeated(1, Image) })
export const ImageStatusRequest = message('runtime.v1.ImageStatusRequest', { image: nested(1, ImageSpec) })
export const ImageStatusResponse = message('runtime.v1.ImageStatusResponse', { image: nested(1, Image) })
export const PullImageRequest = message('runtime.v1.PullImageRequest', { image: nested(1, ImageSpec) })
export const PullImageResponse = message('runtime.v1.PullImageResponse', { imageRef: string(1) })
export const RemoveImageRequest = message('runtime.v1.RemoveImageRequest', { image: nested(1, ImageSpec) })
export const RemoveImageResponse = message('runtime.v1.RemoveImageResponse', {})

const FilesystemIdentifier = message('runtime.v1.FilesystemIdentifier', { mountpoint: string(1) })
const UInt64Value = message('runtime.v1.UInt64Value', { value: uint64(1) })
const FilesystemUsage = message('runtime.v1.FilesystemUsage', {
  fsId: nested(2, FilesystemIdentifier),
  usedBytes: nested(3, UInt64Value),
})
export const ImageFsInfoRequest = message('runtime.v1.ImageFsInfoRequest', {})
export const ImageFsInfoResponse = message('runtime.v1.ImageFsInfoResponse', {
  imageFilesystems: repeated(1, FilesystemUsage),
})
