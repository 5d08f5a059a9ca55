import {
  contentIn,
  type ImageStore,
  parseDistributionRequest,
  sendContent,
  sendOciError,
} from './distribution-request.ts'
import { type LoopbackServer, listenOnLoopback } from './loopback-server.ts'

/**
 * A stand-in for the Spegel of this node as containerd meets it (Spegel 0.7: registry handler). `ns` is mandatory and
 * must be a mirrored registry; what this node holds is marked with `OCI-Namespace`, what comes from a peer is not.
 */
export function startSpegelDouble(holds: {
  registries: readonly string[]
  thisNode: ImageStore
  peers: ImageStore
}): Promise<LoopbackServer> {
  return listenOnLoopback((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://spegel')
    if (pathname === '/v2/' || pathname === '/readyz' || pathname === '/livez')
      return void response.writeHead(200).end()
    const asked = parseDistributionRequest(request)
    const namespace = asked?.namespace ?? null
    if (asked === null || namespace === null || !holds.registries.includes(namespace)) {
      return void response.writeHead(404).end()
    }
    const local = contentIn(holds.thisNode, asked)
    if (local !== null) return sendContent(request, response, local, { 'oci-namespace': namespace })
    // A peer that asks wants an answer from this node alone.
    const remote = request.headers['x-spegel-mirrored'] === 'true' ? null : contentIn(holds.peers, asked)
    if (remote !== null) return sendContent(request, response, remote)
    sendOciError(request, response, 404, {
      code: asked.kind === 'blobs' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN',
      detail: { attempts: 0 },
      message: `could not find peer for ${asked.reference}`,
    })
  })
}
