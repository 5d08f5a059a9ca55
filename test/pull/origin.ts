import { PullpathError } from '../../src/errors.ts'
import type { FetchedManifest, RegistryClient } from '../../src/registry/registry-client.ts'
import type { newImage } from '../containerd/client/images.ts'

/** An origin that has one manifest, or answers with an error. */
export function originWith(manifest: FetchedManifest | PullpathError): RegistryClient {
  const answer = async () => {
    if (manifest instanceof PullpathError) throw manifest
    return manifest
  }
  const unexpected = () => Promise.reject(new Error('nobody should ask for this'))
  return {
    endpoint: 'http://192.168.1.106/v2',
    getManifest: answer,
    headManifest: answer,
    ping: unexpected,
    askRealm: unexpected,
    headBlob: unexpected,
    readBlob: unexpected,
    pushBlob: unexpected,
    pushManifest: unexpected,
  }
}

/** The manifest of an image as a registry answers with it. */
export function manifestOf({ image: { manifest } }: ReturnType<typeof newImage>): FetchedManifest {
  return {
    status: 200,
    exchanges: [],
    redirectedTo: [],
    challenge: null,
    namespace: null,
    digest: manifest.digest,
    mediaType: manifest.mediaType,
    length: manifest.bytes.length,
    bytes: manifest.bytes,
  }
}
