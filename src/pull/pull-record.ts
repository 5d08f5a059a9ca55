import { randomUUID } from 'node:crypto'
import type { Classification } from '../drift/classification.ts'
import type { Pull, PullPhase, PullVia } from '../drift/pull.ts'
import type { Exchange } from '../registry/registry-client.ts'

/** What is heard of a pull while it is under way. */
export interface PullProgress {
  digest: string
  /** `transfer`, `unpack`, or what else is done with it. */
  phase: string
  /** So far. */
  bytes: number
  /** 0: not known. */
  total: number
}

/** The phases of a request under the names that a pull has for them: what is sent is a matter of microseconds. */
const PHASES = [
  ['resolve', ['resolve']],
  ['connect', ['connect']],
  ['tls', ['tls']],
  ['processing', ['sending', 'processing']],
  ['transfer', ['transfer']],
] as const

/** Takes down one pull while it takes place. */
export class PullRecord {
  readonly #pull: Pick<Pull, 'id' | 'image' | 'registry' | 'method' | 'via' | 'startedAt'>
  readonly #start = performance.now()
  readonly #phases: PullPhase[] = []
  #bytes = 0

  /** `now`: milliseconds since the epoch. */
  constructor({ image, registry }: { image: string; registry: string }, via: PullVia, now: number, id?: string) {
    this.#pull = {
      id: id ?? randomUUID(),
      image,
      registry,
      method: via === 'containerd' ? 'containerd' : 'probe',
      via,
      startedAt: new Date(now).toISOString(),
    }
  }

  /** Seconds since the start. */
  get elapsed(): number {
    return (performance.now() - this.#start) / 1000
  }

  addBytes(bytes: number): void {
    this.#bytes += bytes
  }

  addPhase(phase: PullPhase): void {
    if (phase.duration >= 0) this.#phases.push(phase)
  }

  /** The requests of one call. */
  addExchanges(digest: string | null, exchanges: readonly Exchange[]): void {
    for (const exchange of exchanges) {
      const { startedAt, phases, origin: endpoint } = exchange
      let at = (startedAt - this.#start) / 1000
      for (const [name, parts] of PHASES) {
        const times = parts.map((it) => phases[it]).filter((it) => it !== null)
        if (times.length === 0) continue
        const duration = times.reduce((sum, it) => sum + it, 0) / 1000
        const bytes = name === 'transfer' ? contentOf(exchange) : 0
        this.addPhase({ name, digest, endpoint, start: at, duration, bytes })
        at += duration
      }
    }
  }

  /** What came of it. `duration`: seconds; default: until now. */
  finish(
    { source, evidence }: Classification,
    failure: Pull['failure'],
    { duration = this.elapsed }: { duration?: number } = {},
  ): Pull {
    const phases = this.#phases.toSorted((a, b) => a.start - b.start)
    return { ...this.#pull, source, duration, bytes: this.#bytes, phases, evidence, failure }
  }

  /** It did not even begin. */
  unmeasured(failure: Pull['failure']): Pull {
    return this.finish({ source: 'unknown', evidence: [] }, failure, { duration: 0 })
  }
}

/** Bytes of what was asked for. The words of a 404, of a redirect or of a token realm are none: they make no rate. */
function contentOf({ purpose, status, bytes }: Exchange): number {
  return purpose === 'registry' && status !== null && status >= 200 && status < 300 ? bytes : 0
}
