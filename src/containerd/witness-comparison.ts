/**
 * What containerd asked, beside what it was predicted to ask. It proves the rules and the view of the files: the
 * transfer service reads one directory and has neither CRI's pull mode nor its credentials.
 */
export interface WitnessComparison {
  /** Normalised. */
  reference: string
  registry: string
  /** As the daemon sees it. */
  hostsDir: string
  /** The hosts.toml that decides, as Pullpath sees the tree; null: there is none. */
  file: string | null
  /** The daemon's own version. */
  containerd: string
  /** ISO 8601: when it was asked. */
  at: string
  /** Object by object: the resolve, the manifests, the config and the layers. */
  requests: ComparedRequest[]
  /** null: nothing differs, but not everything could be judged. */
  agrees: boolean | null
  /** What could not be judged, and why: one sentence each. */
  unjudged: string[]
  /** Why the fetch was ended before its end; null: it was not. */
  cutShort: string | null
  /** Why the fetch failed, in containerd's words where it has said any; null: it did not. */
  error: string | null
}

/** One line of each side; null where it has none. */
export interface ComparedRequest {
  /** Tag or digest that it is for. */
  object: string
  /** `HEAD http://192.168.1.106/v2/app/manifests/v1` */
  predicted: string | null
  /** Without a scheme, which is not told. */
  witnessed: string | null
  verdict: Verdict
  /** null: nothing was answered, or it is not certain what. */
  status: number | null
  /** From the request to its answer; null where there is none, or it is not certain. */
  milliseconds: number | null
}

/**
 * `missing`: predicted and not asked. `unexpected`: asked and not predicted. `order`: asked, at another place than
 * predicted. `aside`: for a token, or where a redirect led to, which nothing predicts. `unjudged`: it differs, and that
 * proves nothing.
 */
export type Verdict = 'same' | 'missing' | 'unexpected' | 'order' | 'aside' | 'unjudged'

/** Whether a line of this verdict makes the whole disagree. */
export const DIFFERS: ReadonlySet<Verdict> = new Set(['missing', 'unexpected', 'order'])
