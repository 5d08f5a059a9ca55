import type { ImageReference } from '../containerd/reference.ts'
import { attributableCounters } from '../drift/attributable-counters.ts'
import { type Classification, classifyPull, type MirrorFacts, type PullEvidence } from '../drift/classification.ts'
import type { ObservedMarks } from './observed-marks.ts'
import type { PerMinute } from './per-minute.ts'
import { countedBetween, type SpegelMetricsPage } from './spegel-metrics-page.ts'
import { type Holders, MOST_PEERS, type SpegelSight } from './spegel-sight.ts'
import type { SubjectObject } from './subject.ts'

/** What may be asked about a pull that somebody else made. Never the origin. */
export interface SourceParties {
  /** As far as it is known at this moment. */
  spegel(): SpegelParty
  /** HEADs to peers. */
  heads: PerMinute
}

export interface SpegelParty {
  sight: SpegelSight | null
  /** How many peers there are. */
  peers: number
  /** One reading of this node's Spegel; null: its metrics are not known. */
  readPage: (() => Promise<Counters | null>) | null
}

type Counters = Pick<SpegelMetricsPage, 'counters'>

/** Of an observed pull, what its source is told from. Times are milliseconds since the epoch. */
export interface SourceQuestion {
  reference: ImageReference
  objects: readonly SubjectObject[]
  marks: ObservedMarks
  end: number
  mirrors: MirrorFacts
  /** From then on nothing was seen but this pull. */
  quietSince: number
}

/** A small pull is not worth a question to every peer. Bytes. */
const LEAST_BYTES = 1_000_000
/** Somebody may have removed it meanwhile: after a longer pull the absence says little of the beginning. Milliseconds. */
const LONGEST = 300_000

/** Tells where the bytes of observed pulls came from, as far as what this node's Spegel and the peers say is proof. */
export class ObservedSource {
  readonly #parties: SourceParties
  /** Read while nothing was pulled, as far as was seen. */
  #before: { page: Counters; at: number } | null = null

  constructor(parties: SourceParties) {
    this.#parties = parties
  }

  /** Reads the counters, for pulls that begin from now on. */
  async read(): Promise<Counters | null> {
    const at = Date.now()
    const page = (await this.#parties.spegel().readPage?.()) ?? null
    this.#before = page === null ? null : { page, at }
    return page
  }

  async tell(question: SourceQuestion): Promise<Classification> {
    const { reference, objects, marks, mirrors, end } = question
    const before = this.#before
    const after = await this.read()
    const isBefore = before !== null && before.at <= marks.begin && before.at >= question.quietSince
    const counters =
      isBefore && marks.alone
        ? countedBetween(before.page.counters(reference.registry), after?.counters(reference.registry) ?? null)
        : null
    const came = marks.objects.filter((it) => it.fetched !== false)
    const holders = await this.#holders(question, came)
    const isAbsent =
      holders !== null && holders.asked === holders.known && came.every((it) => holders.held.get(it.digest) === 0)
    const evidence: PullEvidence = {
      objects: marks.objects.map((it) => {
        const heldByPeers = isAbsent && it.fetched !== false ? { before: 0, after: 0 } : null
        return { ...it, answeredBy: null, markedOwn: null, heldByPeers }
      }),
      requests: 'unseen',
      asked: 'mirrors',
      mirrors,
      counters: attributableCounters(counters, mirrors, came.length),
      peers: isAbsent ? { asked: holders.asked, known: holders.known } : null,
      alone: marks.alone,
      duration: (end - marks.begin) / 1000,
    }
    const { source, evidence: pieces } = classifyPull(evidence)
    if (holders !== null)
      pieces.push({ source: 'HEAD to the peers', text: holdersText(holders, isAbsent, objects.length) })
    return { source, evidence: pieces }
  }

  async #holders(
    { reference, objects, mirrors, marks, end }: SourceQuestion,
    came: ObservedMarks['objects'],
  ): Promise<Holders | null> {
    const { heads } = this.#parties
    const { sight, peers } = this.#parties.spegel()
    const bytes = came.reduce((sum, it) => sum + it.bytes, 0)
    // Without a mirror on its path the pull did not ask them either.
    if (sight === null || mirrors.targets === 0 || bytes < LEAST_BYTES || end - marks.begin > LONGEST) return null
    // A sample of the peers proves nothing: where there are too many none is asked.
    const asked = objects.filter(({ digest }) => came.some((it) => it.digest === digest))
    if (peers > MOST_PEERS || !heads.take(asked.length * peers)) return null
    return sight.holders(reference, asked)
  }
}

function holdersText({ asked, known, held }: Holders, isAbsent: boolean, objects: number): string {
  const sample = asked === known ? `all ${known} peers` : `${asked} of ${known} peers`
  if (isAbsent) return `right after the pull none of ${sample} had any of what was fetched, so none had it before`
  const there = [...held.values()].filter((it) => it > 0).length
  return `right after the pull ${sample} had ${there} of ${objects} objects, which says nothing of before`
}
