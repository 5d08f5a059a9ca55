/**
 * Where the bytes of a pull came from, told from evidence. A source is claimed only where the evidence leaves no other;
 * everything else is `unknown`. What each piece of evidence means is told in docs/measuring.md.
 */
import type { Pull, PullSource } from './pull.ts'

/** Everything that is known about where a pull's bytes came from. */
export interface PullEvidence {
  /** What the image is made of. */
  objects: readonly ObjectEvidence[]
  /** Whether it was this process that asked, and so saw every answer. */
  requests: 'seen' | 'unseen'
  /** What was asked by intention; `origin`: the origin alone, in order to learn what a first pull costs. */
  asked: 'origin' | 'mirrors'
  /** The mirrors of the pull path that lead to Spegel. */
  mirrors: MirrorFacts
  /**
   * Of Spegel on this node, over the time of the pull; null: not read. `given`: answers to GET with content, whoever
   * asked; null: not known.
   */
  counters: { hits: number; misses: number; given: number | null } | null
  /** Of all objects together: how the other nodes were asked. null: they were not. */
  peers: { asked: number; known: number } | null
  /** Whether nobody else pulled from this registry meanwhile; what counters show would be theirs too. */
  alone: boolean
  /** Seconds. */
  duration: number
}

export interface MirrorFacts {
  /** How many endpoints of the path lead to Spegel: with two a request that missed is asked twice. */
  targets: number
  /** Whether a tag is asked of them too. */
  resolve: boolean
  /** Whether the path has endpoints that are neither Spegel's nor the origin. */
  others: boolean
  /** Whether this Spegel marks its own content (0.6.0 and later); null: its release is not known. */
  marksOwn: boolean | null
}

export interface ObjectEvidence {
  digest: string
  kind: 'manifest' | 'config' | 'layer'
  /** Bytes that came over the network for it. */
  bytes: number
  /** Whether it was fetched at all; null: not known. */
  fetched: boolean | null
  /** Who answered, where the requests were seen. `other`: a mirror that is neither. */
  answeredBy: 'origin' | 'mirror' | 'other' | null
  /** Whether the answer said that it is the own content of the Spegel that answered; null: no answer was seen. */
  markedOwn: boolean | null
  /** Whether this node's containerd had it before; null: not known. */
  heldHere: boolean | null
  /** Of the peers that were asked, how many had it before and after the pull; null: they were not asked. */
  heldByPeers: { before: number; after: number } | null
}

export interface Classification {
  source: PullSource
  evidence: Pull['evidence']
}

type Verdict = 'origin' | 'peer' | 'local' | 'unknown'

/** Tells the source of a pull, and on what that rests. */
export function classifyPull(pull: PullEvidence): Classification {
  const came = pull.objects.filter((it) => it.fetched !== false)
  return { source: sourceOf(pull, came), evidence: evidenceOf(pull, came) }
}

function sourceOf(pull: PullEvidence, came: readonly ObjectEvidence[]): PullSource {
  if (pull.objects.length === 0) return 'unknown'
  if (came.length === 0) return 'local'
  const verdicts = pull.requests === 'seen' ? came.map((it) => seenVerdict(pull, it)) : unseenVerdicts(pull, came)
  if (verdicts === 'mixed') return 'mixed'
  const from = (verdict: Verdict) => came.filter((_, index) => verdicts[index] === verdict)
  const [origin, peer, local] = [from('origin'), from('peer'), from('local')]
  if (origin.length > 0 && peer.length > 0) return bothOf(origin, peer)
  if (origin.length + peer.length + local.length < came.length) return 'unknown'
  if (local.length === came.length) return 'local'
  return origin.length > 0 ? ofOrigin(pull, origin) : 'peer'
}

/** A manifest that a peer gave does not make up for layers that peers had and did not give. */
function bothOf(origin: readonly ObjectEvidence[], peer: readonly ObjectEvidence[]): PullSource {
  const isMissed = origin.some((it) => it.kind === 'layer' && isHeldBefore(it))
  return isMissed && !peer.some((it) => it.kind === 'layer') ? 'fallback' : 'mixed'
}

/**
 * All that came is the origin's: because nobody else had it, or although somebody did. Its layers tell, where any came: a
 * node that is pulling it too has the manifest first, and cannot give the rest.
 */
function ofOrigin(pull: PullEvidence, origin: readonly ObjectEvidence[]): PullSource {
  if (pull.asked === 'origin') return 'first'
  const layers = origin.filter((it) => it.kind === 'layer')
  const telling = layers.length > 0 ? layers : origin
  if (telling.some(isHeldBefore)) return 'fallback'
  return areAllAsked(pull) && telling.every((it) => it.heldByPeers?.before === 0) ? 'first' : 'unknown'
}

/** Of an object that this process asked for itself. */
function seenVerdict(pull: PullEvidence, object: ObjectEvidence): Verdict {
  const { mirrors } = pull
  const { answeredBy, markedOwn, heldHere } = object
  if (answeredBy === 'origin') return 'origin'
  if (answeredBy !== 'mirror') return 'unknown'
  const fromElsewhere = isHeldByNobody(pull, object) ? 'unknown' : 'peer'
  // Spegel never asks an origin: what it gives and this node has not is from another node.
  if (heldHere === false) return fromElsewhere
  if (mirrors.marksOwn !== true || markedOwn === null) return 'unknown'
  // A node port may lead to the Spegel of another node: what is its own content is not this node's.
  if (markedOwn) return heldHere === true ? 'local' : 'unknown'
  // It gives its own content wherever it has it, so that what it had to fetch was not here.
  return heldHere === true ? 'unknown' : fromElsewhere
}

/** Of what containerd asked for: no answer was seen, only what it left in counters, and who could have answered. */
function unseenVerdicts(pull: PullEvidence, came: readonly ObjectEvidence[]): readonly Verdict[] | 'mixed' {
  const all = (verdict: Verdict) => came.map(() => verdict)
  const { mirrors, counters } = pull
  if (mirrors.others || came.some((it) => it.fetched === null)) return all('unknown')
  const isContradicted = pull.alone && (counters?.hits ?? 0) > 0
  if (mirrors.targets === 0 || came.every((it) => isHeldByNobody(pull, it))) {
    return all(isContradicted ? 'unknown' : 'origin')
  }
  if (counters === null || !pull.alone) return all('unknown')
  const { hits, misses, given } = counters
  const resolves = mirrors.resolve ? 1 : 0
  const requests = came.length + resolves
  // A body that breaks off counts as a hit, and what is asked for again as a miss.
  if (misses === 0 && hits >= requests) {
    return all(came.some((it) => isHeldByNobody(pull, it)) ? 'unknown' : 'peer')
  }
  // The only hit may be that of the tag; it is where no content was given at all.
  if (hits === 0 || (given === 0 && hits <= resolves)) {
    return all(misses >= mirrors.targets * (requests - hits) ? 'origin' : 'unknown')
  }
  // With one target whoever missed is the origin's; with two the other one may have led to another node.
  const missed = requests - hits
  const isMixed = mirrors.targets === 1 && misses >= missed && hits > resolves && missed > resolves
  return isMixed ? 'mixed' : all('unknown')
}

function isHeldBefore({ heldByPeers }: ObjectEvidence): boolean {
  return heldByPeers !== null && heldByPeers.before > 0
}

/** All peers were asked, before the pull and after it. */
function isHeldByNobody(pull: PullEvidence, { heldByPeers }: ObjectEvidence): boolean {
  return areAllAsked(pull) && heldByPeers !== null && heldByPeers.before === 0 && heldByPeers.after === 0
}

function areAllAsked({ peers }: PullEvidence): boolean {
  return peers !== null && peers.asked === peers.known
}

function evidenceOf(pull: PullEvidence, came: readonly ObjectEvidence[]): Pull['evidence'] {
  const { mirrors, counters, peers } = pull
  const pieces: Pull['evidence'] = []
  const add = (source: string, text: string) => pieces.push({ text, source })
  const all = pull.objects.length
  if (pull.requests === 'seen') {
    for (const [who, name] of [
      ['origin', 'the origin'],
      ['mirror', 'the mirror of this node'],
      ['other', 'another mirror'],
    ] as const) {
      const count = came.filter((it) => it.answeredBy === who).length
      if (count > 0) add('answers', `${count} of ${all} objects were given by ${name}`)
    }
    const marked = came.filter((it) => it.markedOwn === true).length
    const answered = came.filter((it) => it.answeredBy === 'mirror').length
    if (answered > 0) add('OCI-Namespace', markText(marked, answered, mirrors.marksOwn))
  } else {
    const fetched = came.filter((it) => it.fetched === true).length
    add('content of containerd', `it fetched ${fetched} of ${all} objects`)
    if (mirrors.targets === 0) add('pull path', 'no endpoint of it is a mirror of this node')
    if (mirrors.others) add('pull path', 'it has an endpoint that is neither the origin nor a mirror of this node')
  }
  if (counters !== null) add("Spegel's counters", countersText(counters, mirrors.targets, pull.alone))
  if (peers !== null) add('HEAD to the peers', heldText(pull.objects, peers))
  if (pull.objects.every((it) => it.heldHere !== null)) {
    const here = pull.objects.filter((it) => it.heldHere === true).length
    add('content of containerd', `this node had ${here} of ${all} objects before`)
  }
  const bytes = pull.objects.reduce((sum, it) => sum + it.bytes, 0)
  add('bytes and time', `${bytes} bytes within ${pull.duration.toFixed(3)} s`)
  return pieces
}

function markText(marked: number, answered: number, marksOwn: boolean | null): string {
  const what = `in ${marked} of ${answered} answers of the mirror`
  if (marksOwn === true) return `${what}: it marks what is its own content, and not what it has from a peer`
  return `${what}, which says nothing: ${marksOwn === false ? 'this' : 'an unknown'} release of Spegel may not mark its own content`
}

function countersText(
  { hits, misses, given }: NonNullable<PullEvidence['counters']>,
  targets: number,
  alone: boolean,
): string {
  const gave = given === 0 ? ', and no content was given to anybody' : ''
  const words = `${hits} hits and ${misses} misses during the pull${gave}`
  if (!alone) return `${words}, some of which may be of other pulls`
  if (targets > 1 && hits === 0 && misses > 0) {
    return `${words}; with ${targets} targets a miss alone is no proof: the other one may have led to another node`
  }
  return words
}

function heldText(objects: readonly ObjectEvidence[], { asked, known }: { asked: number; known: number }): string {
  if (known === 0) return 'there is no other node that could have had it'
  const held = objects.filter(isHeldBefore).length
  if (asked === 0) return `none of ${known} peers was asked, or answered`
  const sample = asked === known ? `all ${known} peers` : `${asked} of ${known} peers`
  const later = objects.some((it) => it.heldByPeers?.before === 0 && it.heldByPeers.after > 0)
  return `${sample} were asked: ${held} of ${objects.length} objects were at one of them before${later ? ', and more of them after' : ''}`
}
