import type { Role } from '../containerd/endpoint-report.ts'

/** What was asked over HTTP on this node, and what came of it; the last of each. */
export interface Probes {
  endpoints: readonly EndpointProbe[]
  /** null: not asked. */
  harbor: HarborHealth | null
  /** null: not asked. */
  spegel: SpegelHealth | null
}

export const NOTHING_PROBED: Probes = { endpoints: [], harbor: null, spegel: null }

export type EndpointReason = 'endpoint-down' | 'endpoint-tls' | 'endpoint-auth' | 'endpoint-redirect' | 'endpoint-blob'

/** When something was asked, and until when the answer counts. ISO 8601. */
export interface ProbeTime {
  at: string
  validUntil: string
}

/** One endpoint, asked as containerd asks it. Durations are seconds. */
export interface EndpointProbe extends ProbeTime {
  url: string
  /** `face`: not of a pull path, but another way to the same Harbor. */
  role: Role | 'face'
  /** On whose pull path it is; of a face: those that Harbor is the origin of. */
  registries: readonly string[]
  /** All requests of the probe together; null: no request had such a phase. */
  phases: Readonly<Record<ProbePhase, number | null>>
  /** In the order in which they were made. */
  steps: readonly ProbeStep[]
  /** null: everything that could be asked was answered as it should be. */
  failure: EndpointFailure | null
  /** Probes in a row that failed, this one included. */
  failures: number
}

export const PROBE_PHASES = ['resolve', 'connect', 'tls', 'processing', 'transfer'] as const
export type ProbePhase = (typeof PROBE_PHASES)[number]

export const PROBE_STEPS = ['ping', 'realm', 'manifest', 'blob'] as const

/** `ping`: the API's root. `realm`: an anonymous token. `manifest`, `blob`: of the image that is named for probes. */
export interface ProbeStep {
  step: (typeof PROBE_STEPS)[number]
  result: 'passed' | 'failed' | 'skipped'
  /** null: skipped. */
  duration: number | null
  /** What was asked for, what is wrong, or why it was skipped. */
  words: string
}

export interface EndpointFailure {
  reason: EndpointReason
  step: ProbeStep['step']
  /** The registry client's own name for it: `refused`, `tls-not-spoken`, `digest-mismatch`. */
  detail: string
  /** One sentence, without anything secret. */
  words: string
  /** HTTP status; null: none was answered. */
  status: number | null
  /** In which phase of a request; null: not within one. */
  phase: string | null
  /** Another origin that it names: its token realm, or where it redirects to; null: none. */
  names: string | null
  /** ISO 8601: the first of the probes in a row that failed. */
  since: string
}

/** A probe that failed. */
export type FailedProbe = EndpointProbe & { failure: EndpointFailure }

/** What Harbor says of itself. */
export interface HarborHealth extends ProbeTime {
  url: string
  /** Seconds. */
  duration: number
  /** Empty where it could not be asked. */
  components: readonly { name: string; healthy: boolean; words: string }[]
  /** Why nothing is known of it; empty: it has answered. */
  words: string
}

/** What the Spegel of this node says of itself. */
export interface SpegelHealth extends ProbeTime {
  /** Its registry on this node: `http://192.168.1.98:30020`. */
  url: string
  /** Seconds. */
  duration: number
  /** null: it could not be asked. */
  ready: boolean | null
  /** ISO 8601: when it was seen ready last; null: never yet. In a cluster of one node it never is. */
  lastReadyAt: string | null
  /** So often in a row it was not ready. */
  failures: number
  /** Why it could not be asked, or what it answered instead; empty: it is ready. */
  words: string
  /** What its metrics tell of each registry; null: they are not read, or cannot be. */
  registries: readonly SpegelTraffic[] | null
}

/** What Spegel did for one registry since it started, and what it offers to other nodes now. */
export interface SpegelTraffic {
  registry: string
  /** Requests that it looked for at peers, found and not found. */
  hits: number
  misses: number
  /** Advertised to the other nodes: tags, and pieces of content; null: not told. */
  tags: number | null
  contents: number | null
}

/** Whether an answer still counts. `now`: ISO 8601. */
export function isFresh({ validUntil }: ProbeTime, now: string): boolean {
  return now <= validUntil
}

/** A failure counts when it was seen so many times in a row: one lost packet is no fault. */
export const FAILURES_THAT_COUNT = 2
