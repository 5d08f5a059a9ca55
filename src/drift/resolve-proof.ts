/** What came of asking containerd itself to pull one small image, and its origin for the same. */
export interface ResolveProof {
  registry: string
  /** The image that was asked for: a tag of the canary. */
  reference: string
  /** How many tags of each class the canary has (`canary.tags`). */
  tags: number
  /** ISO 8601: when it was asked for. */
  at: string
  /**
   * `resolved`: containerd has pulled it. `failed`: the origin serves it, and containerd cannot pull it. `origin-down`:
   * neither works. `no-canary`: the origin has no such image, so that nothing can be proven. `unasked`: containerd could
   * not be asked, or gave up for a reason of its own.
   */
  outcome: 'resolved' | 'failed' | 'origin-down' | 'no-canary' | 'unasked'
  /** What containerd said, or the error of asking it; empty where it pulled or was not asked. */
  words: string
  /** Whether containerd was still at it when its time was over. */
  unfinished: boolean
  /** Seconds that containerd took; null: it was not asked. */
  duration: number | null
  /** Where the agent asked, and what came of it; `words` empty: the image is there. */
  origin: { url: string; words: string }
  /** Whether the layers that were pulled are still there; null: not known. */
  layersKept: boolean | null
}
