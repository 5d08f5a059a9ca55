/**
 * Where the bytes of a pull came from. `first`: the origin, because no peer had them. `peer`: another node. `fallback`:
 * the origin although a peer had them. `mixed`: some of both. `local`: this node had them. `unknown`: the evidence does
 * not tell.
 */
export type PullSource = 'first' | 'peer' | 'fallback' | 'mixed' | 'local' | 'unknown'

/** `probe`: over HTTP, past containerd. `containerd`: a pull that it made for us. `observed`: one that it made for a pod. */
export type PullMethod = 'probe' | 'containerd' | 'observed'

/** How a measurement asks: straight, through this node's mirror, along the whole pull path, or by containerd itself. */
export type PullVia = 'origin' | 'peer' | 'path' | 'containerd'

/** One pull that was measured, whether it succeeded or not. */
export interface Pull {
  id: string
  /** As containerd normalises it. */
  image: string
  registry: string
  method: PullMethod
  /** null: it was observed. */
  via: PullVia | null
  source: PullSource
  /** ISO 8601. */
  startedAt: string
  /** Seconds from the start to the end, or to the failure. */
  duration: number
  /** Of content that came over the network, manifests included. */
  bytes: number
  /** In the order in which they began; they may overlap. */
  phases: PullPhase[]
  /** On what `source` rests, the strongest first. */
  evidence: { text: string; source: string }[]
  /** null: it succeeded. */
  failure: { reason: string; message: string } | null
}

/** Which pulls are wanted; what is not given does not matter. */
export interface PullChoice {
  source?: PullSource
  method?: PullMethod
  limit?: number
}

/** An interval between two named marks of a pull. */
export interface PullPhase {
  /** `resolve`, `connect`, `tls`, `processing`, `transfer` of a probe; `resolve`, `manifest`, `config`, `layer`, `unpack` of a pull; `kubelet`: what that says of it. */
  name: string
  /** The digest it is about; null: the pull as a whole. */
  digest: string | null
  /**
   * Origin of the URL that was asked: `http://192.168.1.98:30020`; after a challenge or a redirect that of the realm or
   * of the target. null: it is not seen, as where containerd asks.
   */
  endpoint: string | null
  /** Seconds since the pull started. */
  start: number
  /** Seconds. */
  duration: number
  /** Of content that came in it; 0 where none did. What an error, a redirect or a token realm answers is no content. */
  bytes: number
}

/** The kubelet's classes of image sizes (kubelet: image_pull_duration_seconds), in bytes of 10^6. */
const SIZE_CLASSES: readonly (readonly [number, string])[] = [
  [10e6, '0-10MB'],
  [100e6, '10-100MB'],
  [500e6, '100-500MB'],
  [1e9, '500MB-1GB'],
  [5e9, '1-5GB'],
  [10e9, '5-10GB'],
]

/** The class that an image of so many bytes is counted in. */
export function sizeClassOf(bytes: number): string {
  return SIZE_CLASSES.find(([limit]) => bytes < limit)?.[1] ?? 'GT10GB'
}
