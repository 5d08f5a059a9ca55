import type { ImageReference } from '../containerd/reference.ts'
import type { MirrorFacts, ObjectEvidence, PullEvidence } from '../drift/classification.ts'
import type { RatedEndpoint } from '../drift/path-comparison.ts'
import type { SpegelIntent } from '../intent/intent.ts'
import { isAtLeast } from '../version.ts'
import { countedBetween, type SpegelCounters } from './spegel-metrics-page.ts'
import type { Holders, SpegelSight } from './spegel-sight.ts'
import type { Subject } from './subject.ts'

/** From this release on Spegel marks its own content with `OCI-Namespace`. */
const MARKS_SINCE = '0.6.0'

/** What the pull path of this node says about its mirrors. */
export function mirrorFacts(endpoints: readonly RatedEndpoint[], spegel: SpegelIntent | null): MirrorFacts {
  const targets = endpoints.filter((it) => it.role === 'peer')
  const isKnown = spegel !== null && !spegel.versionAssumed
  return {
    targets: targets.length,
    resolve: targets.some((it) => it.resolve),
    others: endpoints.some((it) => it.role === 'mirror'),
    marksOwn: isKnown ? isAtLeast(spegel.version, MARKS_SINCE) : null,
  }
}

/** What Spegel says before a pull and after it. */
export class SpegelEvidence {
  readonly #sight: SpegelSight | null
  readonly #signal: AbortSignal | undefined
  readonly #reference: ImageReference
  readonly #subject: Subject
  #before: { counters: SpegelCounters | null; holders: Holders | null } = { counters: null, holders: null }
  #after: { counters: SpegelCounters | null; holders: Holders | null } = { counters: null, holders: null }

  constructor(sight: SpegelSight | null, subject: Subject, signal?: AbortSignal) {
    this.#sight = sight
    this.#signal = signal
    this.#reference = subject.reference
    this.#subject = subject
  }

  async before(): Promise<void> {
    this.#before = await this.#look()
  }

  async after(): Promise<void> {
    this.#after = await this.#look()
  }

  get counters(): PullEvidence['counters'] {
    return countedBetween(this.#before.counters, this.#after.counters)
  }

  get peers(): PullEvidence['peers'] {
    const [before, after] = [this.#before.holders, this.#after.holders]
    if (before === null || after === null) return null
    return { asked: Math.min(before.asked, after.asked), known: Math.max(before.known, after.known) }
  }

  heldByPeers(digest: string): ObjectEvidence['heldByPeers'] {
    const before = this.#before.holders?.held.get(digest)
    const after = this.#after.holders?.held.get(digest)
    return before === undefined || after === undefined ? null : { before, after }
  }

  async #look(): Promise<{ counters: SpegelCounters | null; holders: Holders | null }> {
    if (this.#sight === null) return { counters: null, holders: null }
    const [counters, holders] = await Promise.all([
      this.#sight.counters(this.#reference.registry, this.#signal),
      this.#sight.holders(this.#reference, this.#subject.objects, this.#signal),
    ])
    return { counters, holders }
  }
}
