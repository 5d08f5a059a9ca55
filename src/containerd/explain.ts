import type { FileView } from '../hosts/file-view.ts'
import type { SourcePosition } from '../source-position.ts'
import { endpointReport } from './endpoint-report.ts'
import { type PeerSignature, roleOf } from './endpoint-role.ts'
import type { Explanation } from './explanation.ts'
import type { DaemonProfile } from './pull-path.ts'
import { pullPathOf } from './pull-path-of.ts'
import { parseImageReference } from './reference.ts'
import type { SentRequest } from './requester.ts'
import { simulate, simulateMissingManifest } from './simulate.ts'

/** Stands for a digest that is known only once somebody has answered. */
const UNKNOWN_DIGEST = '<digest>'

/**
 * What this containerd does for an image when every endpoint answers 404.
 * Throws PP_REFERENCE_INVALID, and PP_VERSION_UNSUPPORTED for a containerd below 1.7.
 */
export function explain(image: string, daemon: DaemonProfile, view: FileView, peers: PeerSignature): Explanation {
  const reference = parseImageReference(image)
  const { registry, digest } = reference
  const path = pullPathOf(registry, daemon, view)
  const { version } = daemon
  const nothing = { manifests: [], config: '', layers: [] }
  const resolved = simulate(path, reference, nothing, () => ({ kind: 'status', status: 404 }), { version })
  const fetched = simulateMissingManifest(path, reference, digest ?? UNKNOWN_DIGEST, version)
  const unaffected = path.error?.code === 'NO_RESOLVE_HOSTS' && digest !== null
  return {
    image: reference.image,
    registry,
    containerd: { version: version.text, pullMode: daemon.pullMode },
    directory: path.directory,
    endpoints: path.endpoints.map((it) => endpointReport({ ...it, role: roleOf(it, registry, peers) }, registry)),
    resolveRequests: resolved.requests.map(lineOf),
    fetchRequests: fetched.map(lineOf),
    notes: path.notes.map(({ code, message, source }) => ({ code, message: `${message}${place(source)}` })),
    error: path.error === null || unaffected ? null : { code: path.error.code, message: path.error.message },
    witness: null,
  }
}

/** Where a note has a place, a person wants to go there: ` (line 13, column 7)`. */
function place(source: SourcePosition | null): string {
  return source === null ? '' : ` (line ${source.line}, column ${source.column})`
}

function lineOf(request: SentRequest): string {
  return `${request.method} ${request.url}`
}
