import type { Version } from '../version.ts'
import type { PullPath } from './pull-path.ts'
import type { ImageReference } from './reference.ts'
import type { SentRequest } from './requester.ts'
import { ERROR_BODY, simulate } from './simulate.ts'
import { type Witness, wordsOf } from './witness.ts'
import type { ComparedRequest, Verdict } from './witness-comparison.ts'
import {
  isDeclaredTwice,
  isRecognizable,
  type MatchedRequest,
  stepsOf,
  WitnessedAnswers,
  type WitnessedStep,
} from './witnessed-answers.ts'

/** What the prediction is made of. */
export interface WitnessCase {
  /** By the rules of the transfer service: pull mode `transfer`, the one directory as `configPath`. */
  path: PullPath
  reference: ImageReference
  version: Version
  hostsDir: string
  /** ISO 8601. */
  at: string
}

/** What an image consists of, as far as the witness shows it; by digest. */
interface Parts {
  manifests: readonly string[]
  blobs: readonly string[]
}

type Row = ComparedRequest & { index: number; key: string }

/** Whose fetch containerd ended by itself, one request after the other; several contents are asked for at once. */
type Manner = 'one-by-one' | 'at-once'

/**
 * Lays prediction and witness side by side, object by object, and says of each line what it proves. What the dump
 * cannot show never counts against the prediction: what came after the end of a fetch that was broken off, content that
 * the node has already, answers that may belong to another request.
 */
export class WitnessJudge {
  /** What could not be judged, and why. */
  readonly unjudged = new Set<string>()
  readonly #witness: Witness
  readonly #given: WitnessCase
  readonly #steps: readonly WitnessedStep[]
  readonly #parts: Parts
  /** The object of the resolve: a tag, or the digest of the reference. */
  readonly #resolved: string
  readonly #isPulled: boolean
  #takesError = false

  constructor(witness: Witness, given: WitnessCase) {
    this.#witness = witness
    this.#given = given
    this.#steps = stepsOf(witness)
    this.#resolved = given.reference.tag ?? given.reference.digest ?? ''
    this.#isPulled = witness.error === null && witness.cutShort === null
    this.#parts = this.#partsOf()
  }

  compare(): ComparedRequest[] {
    this.#sayWhatIsHidden()
    const { manifests, blobs } = this.#parts
    const whole = this.#predict('')
    // Its digest is that of a text which was not kept.
    this.#takesError = whole.matched.some((it) => it.request.object === ERROR_BODY)
    const sequential = [...new Set([this.#resolved, ...manifests])]
    const rows = sequential.flatMap((it) => this.#rowsOf(it, whole, 'one-by-one'))
    // Several are asked for at once, so that none waits for the end of another: each is predicted for itself.
    for (const blob of blobs) rows.push(...this.#rowsOf(blob, this.#predict(blob), 'at-once'))
    const known = new Set<string | null>([...sequential, ...blobs])
    const strange = this.#steps.filter((it) => it.object !== null && !known.has(it.object))
    rows.push(...strange.map((it) => rowOf(it.object ?? '', null, it, this.#verdictOnUnexpected(it, []))))
    this.#judgeOrder(rows)
    return rows.map(({ index: _, key: __, ...row }) => row)
  }

  #sayWhatIsHidden(): void {
    const { path } = this.#given
    const { cutShort, error, manifests } = this.#witness
    if (path.error?.code === 'NOT_SEEN') this.unjudged.add(`nothing is predicted: ${path.error.message}`)
    if (cutShort !== null) this.unjudged.add(`what was to come is not known: ${cutShort}`)
    if (error !== null && error.code !== 'PP_DAEMON_REFUSED') {
      this.unjudged.add('what was to come is not known: the fetch was broken off')
    }
    const isFetched = this.#isPulled || this.#steps.some((it) => it.method === 'GET' && it.outcome === 200)
    if (isFetched && !manifests.some((it) => it.kind === 'image')) {
      this.unjudged.add('what the image consists of was not seen: containerd has its manifest already')
    }
  }

  #predict(blob: string): WitnessedAnswers {
    const { path, reference, version } = this.#given
    const answers = new WitnessedAnswers(this.#steps, path, this.#isPulled)
    const image = { manifests: this.#parts.manifests, config: blob, layers: [] }
    simulate(path, reference, image, (it) => answers.next(it), { version })
    return answers
  }

  /** The manifests that were asked for, and the contents that they name; those that were asked for, if none was seen. */
  #partsOf(): Parts {
    const { manifests: read } = this.#witness
    const asked = (kind: string) => {
      const isOf = ({ method, object, path }: WitnessedStep) =>
        method === 'GET' && object?.includes(':') === true && path.endsWith(`/${kind}/${object}`)
      return this.#steps.flatMap((it) => (isOf(it) && it.object !== null ? [it.object] : []))
    }
    const namedBy = (kind: 'index' | 'image') => read.flatMap((it) => (it.kind === kind ? it.names : []))
    const hasIndex = read.some((it) => it.kind === 'index')
    const all = asked('manifests')
    const resolved = this.#steps.findLast((it) => it.object === this.#resolved && it.outcome === 200)?.last.digest
    const root = this.#given.reference.digest ?? resolved ?? all[0]
    // Of an index that containerd has already, nothing says what it names.
    const isAsked = root !== undefined && all.includes(root)
    const below = all.filter((it) => (hasIndex ? namedBy('index').includes(it) : !isAsked))
    const blobs = read.some((it) => it.kind === 'image') ? namedBy('image') : asked('blobs')
    return { manifests: root === undefined ? [] : [...new Set([root, ...below])], blobs: [...new Set(blobs)] }
  }

  #rowsOf(object: string, { matched, twins }: WitnessedAnswers, manner: Manner): Row[] {
    const predicted = matched.filter((it) => it.request.object === object)
    const steps = this.#steps.filter((it) => it.object === object && !twins.has(it))
    const last = predicted.findLastIndex((it) => it.step !== null)
    const rows: Row[] = []
    for (const [position, match] of predicted.entries()) {
      const verdict =
        match.step !== null ? 'same' : this.#verdictOnMissing(match.request, steps, position > last, manner)
      rows.push(rowOf(object, match, match.step, verdict, rows.at(-1)?.index))
    }
    const seen = new Set(predicted.map((it) => it.step))
    const others = steps.filter((it) => !seen.has(it))
    rows.push(...others.map((it) => rowOf(object, null, it, this.#verdictOnUnexpected(it, steps))))
    rows.push(...this.#asidesOf(object).map((it) => rowOf(object, null, it, 'aside')))
    for (const row of rows) {
      const isMoved = rows.some(({ key, verdict }) => key === row.key && verdict !== row.verdict && MOVED.has(verdict))
      if (MOVED.has(row.verdict) && isMoved) row.verdict = 'order'
    }
    return rows.sort((a, b) => a.index - b.index)
  }

  /** Requests for tokens, and those that follow a redirect, stand with what was asked before them. */
  #asidesOf(object: string): WitnessedStep[] {
    return this.#steps.filter((it) => {
      if (it.object !== null) return false
      let source = it
      while (source.redirectedFrom !== null)
        source = this.#steps[source.redirectedFrom] ?? { ...it, redirectedFrom: null }
      const before = this.#steps.findLast(({ object: its, index }) => its !== null && index <= source.index)
      return before?.object === object
    })
  }

  #verdictOnMissing(request: SentRequest, steps: readonly WitnessedStep[], isTail: boolean, manner: Manner): Verdict {
    const { object } = request
    if (!isRecognizable(request)) return this.#leave('a request is predicted that the dump cannot show')
    if (this.#isUncertain(steps)) return this.#leave('it is not certain which answer belongs to which request')
    if (this.#isPulled && steps.length === 0 && object !== this.#resolved) {
      return this.#leave('contents were not asked for: containerd has them already')
    }
    if (this.#isAmbiguous())
      return this.#leave('an endpoint is declared twice, and it is not known for which it was asked')
    const { blobs } = this.#parts
    const isChallenged = this.#steps.some((it) => it.status === 401 && blobs.includes(it.object ?? ''))
    if (manner === 'at-once' && isChallenged)
      return this.#leave('an endpoint asked for a token while others were asked')
    if (this.#isPulled && isTail && steps.at(-1)?.outcome === null)
      return this.#leave('no answer was seen to what was asked last')
    if (this.#isPulled || !isTail) return 'missing'
    return this.#isOver(object, steps, manner) ? 'missing' : this.#leave('the fetch ended before')
  }

  /** Whether containerd had to ask the rest of the endpoints, though the fetch failed. */
  #isOver(object: string, steps: readonly WitnessedStep[], manner: Manner): boolean {
    const { error } = this.#witness
    if (error?.code !== 'PP_DAEMON_REFUSED' || manner === 'at-once') return false
    if (object !== this.#resolved) return steps.length > 0
    // core/transfer/local/pull.go: the words for a failed resolve, or it came further.
    return wordsOf(error).startsWith('failed to resolve image') || this.#steps.some((it) => it.object !== object)
  }

  #verdictOnUnexpected(step: WitnessedStep, steps: readonly WitnessedStep[]): Verdict {
    const { path } = this.#given
    if (path.error?.code === 'NOT_SEEN') return 'unjudged'
    // A request is dumped before Go's client refuses to send it.
    if (path.skipped.length > 0 && step.status === null) {
      return this.#leave('an endpoint is declared to which nothing can be sent')
    }
    if (this.#isUncertain(steps)) return this.#leave('it is not certain which answer belongs to which request')
    if (this.#isAmbiguous())
      return this.#leave('an endpoint is declared twice, and it is not known for which it was asked')
    if (this.#takesError) return this.#leave('containerd takes the text of an error for a manifest')
    const isServed = (it: WitnessedStep) => it.key === step.key && it.index < step.index && (it.outcome ?? 0) < 300
    if (step.method === 'GET' && steps.some((it) => it.outcome !== null && isServed(it))) {
      return this.#leave('content was asked for again: in parts, or because it broke off')
    }
    return 'unexpected'
  }

  /** Whether answers are not certain, of these or of what decides whether they are asked for at all. */
  #isUncertain(steps: readonly WitnessedStep[]): boolean {
    const decides = ({ object }: WitnessedStep) =>
      object === this.#resolved || this.#parts.manifests.includes(object ?? '')
    return [...steps, ...this.#steps.filter(decides)].some((it) => it.isUncertain)
  }

  /** Whether a repetition may be a second try, the fallback from https to http, or another declaration. */
  #isAmbiguous(): boolean {
    const { endpoints } = this.#given.path
    const twice = endpoints.filter((it) => isDeclaredTwice(endpoints, it))
    if (twice.length === 0) return false
    // Two of the same scheme are simply asked one after the other.
    const isMixed = twice.some((it) => it.httpsFirst) || new Set(twice.map((it) => it.url.split(':', 1)[0])).size > 1
    return this.#steps.some((it) => it.challenge === 'bearer' || (isMixed && it.outcome === null))
  }

  #leave(why: string): Verdict {
    this.unjudged.add(why)
    return 'unjudged'
  }

  /** Nothing is fetched before the resolve is over, and no content before the manifest that names it was served. */
  #judgeOrder(rows: readonly Row[]): void {
    const after = (names: readonly string[] | null, parent: string) => {
      const end = Math.max(-1, ...this.#steps.flatMap((it) => (it.object === parent ? [it.index] : [])))
      for (const row of rows) {
        const isBelow = row.object !== parent && (names?.includes(row.object) ?? true)
        if (isBelow && row.verdict === 'same' && row.index < end) row.verdict = 'order'
      }
    }
    after(null, this.#resolved)
    for (const { digest, names } of this.#witness.manifests) after(names, digest)
  }
}

const MOVED: ReadonlySet<Verdict> = new Set(['missing', 'unexpected', 'order'])

function rowOf(
  object: string,
  match: MatchedRequest | null,
  step: WitnessedStep | null,
  verdict: Verdict,
  before = -1,
): Row {
  const { sentAt = 0, answeredAt = null } = step ?? {}
  return {
    object,
    predicted: match === null ? null : `${match.request.method} ${match.request.url}`,
    witnessed: step === null ? null : lineOf(step),
    verdict,
    status: step?.status ?? null,
    milliseconds: answeredAt === null ? null : answeredAt - sentAt,
    index: step?.index ?? before,
    key: match?.key ?? step?.key ?? '',
  }
}

function lineOf({ method, host, path, ns }: WitnessedStep): string {
  return `${method} ${host}${path}${ns === null ? '' : `?ns=${encodeURIComponent(ns)}`}`
}
