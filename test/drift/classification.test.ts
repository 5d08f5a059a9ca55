import fc from 'fast-check'
import t from 'tap'
import { classifyPull, type ObjectEvidence, type PullEvidence } from '../../src/drift/classification.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`

function object(more: Partial<ObjectEvidence> = {}): ObjectEvidence {
  return {
    digest: DIGEST,
    kind: 'layer',
    bytes: 1000,
    fetched: true,
    answeredBy: null,
    markedOwn: null,
    heldHere: false,
    heldByPeers: null,
    ...more,
  }
}

function pull(more: Partial<PullEvidence> = {}): PullEvidence {
  return {
    objects: [object({ kind: 'manifest' }), object({ kind: 'config' }), object()],
    requests: 'unseen',
    asked: 'mirrors',
    mirrors: { targets: 2, resolve: true, others: false, marksOwn: true },
    counters: null,
    peers: null,
    alone: true,
    duration: 1,
    ...more,
  }
}

const NOBODY = { before: 0, after: 0 }
const ALL = { asked: 2, known: 2 }

function three(more: Partial<ObjectEvidence>): ObjectEvidence[] {
  return [object({ kind: 'manifest', ...more }), object({ kind: 'config', ...more }), object(more)]
}

const CASES: readonly (readonly [string, string, Partial<PullEvidence>])[] = [
  ['nothing is known', 'unknown', {}],
  ['containerd fetched nothing', 'local', { objects: three({ fetched: false }) }],
  ['it is not known what containerd fetched', 'unknown', { objects: three({ fetched: null }) }],
  ['no peer had it, before or after', 'first', { objects: three({ heldByPeers: NOBODY }), peers: ALL }],
  [
    'not all peers were asked',
    'unknown',
    {
      objects: three({ heldByPeers: NOBODY }),
      peers: { asked: 2, known: 9 },
      counters: { hits: 0, misses: 8, given: null },
    },
  ],
  [
    'a peer got it meanwhile',
    'unknown',
    {
      objects: three({ heldByPeers: { before: 0, after: 1 } }),
      peers: ALL,
      counters: { hits: 0, misses: 4, given: null },
    },
  ],
  [
    'no peer had it, and yet Spegel had hits',
    'unknown',
    { objects: three({ heldByPeers: NOBODY }), peers: ALL, counters: { hits: 4, misses: 0, given: null } },
  ],
  ['every request was a hit', 'peer', { counters: { hits: 4, misses: 0, given: null } }],
  [
    'every request was a hit, but others pulled too',
    'unknown',
    { counters: { hits: 4, misses: 0, given: null }, alone: false },
  ],
  ['fewer hits than requests', 'unknown', { counters: { hits: 3, misses: 0, given: null } }],
  [
    'one miss each, and two targets: the other one may have led to another node',
    'unknown',
    {
      objects: three({ heldByPeers: { before: 1, after: 1 } }),
      peers: ALL,
      counters: { hits: 0, misses: 4, given: null },
    },
  ],
  [
    'both targets missed all of what a peer had',
    'fallback',
    {
      objects: three({ heldByPeers: { before: 1, after: 1 } }),
      peers: ALL,
      counters: { hits: 0, misses: 8, given: null },
    },
  ],
  [
    'one target missed all of what a peer had',
    'fallback',
    {
      objects: three({ heldByPeers: { before: 1, after: 1 } }),
      peers: ALL,
      counters: { hits: 0, misses: 4, given: null },
      mirrors: { targets: 1, resolve: true, others: false, marksOwn: true },
    },
  ],
  [
    'some hits and some misses at one target',
    'mixed',
    {
      counters: { hits: 2, misses: 2, given: null },
      mirrors: { targets: 1, resolve: true, others: false, marksOwn: true },
    },
  ],
  [
    'the only hit may be that of the tag',
    'unknown',
    {
      counters: { hits: 1, misses: 3, given: null },
      mirrors: { targets: 1, resolve: true, others: false, marksOwn: true },
    },
  ],
  [
    'the only hit was that of the tag, since no content was given',
    'fallback',
    {
      objects: three({ heldByPeers: { before: 1, after: 1 } }),
      peers: ALL,
      counters: { hits: 1, misses: 6, given: 0 },
    },
  ],
  [
    'Spegel was not on the path, and a peer had it',
    'fallback',
    {
      objects: three({ heldByPeers: { before: 2, after: 2 } }),
      peers: ALL,
      mirrors: { targets: 0, resolve: false, others: false, marksOwn: null },
    },
  ],
  [
    'a mirror that is neither may have given it',
    'unknown',
    {
      objects: three({ heldByPeers: NOBODY }),
      peers: ALL,
      mirrors: { targets: 0, resolve: false, others: true, marksOwn: null },
    },
  ],
  [
    'a peer that was pulling it too had its manifest, and nobody a layer',
    'first',
    {
      objects: [
        object({ kind: 'manifest', heldByPeers: { before: 1, after: 1 } }),
        object({ kind: 'config', heldByPeers: { before: 1, after: 1 } }),
        object({ heldByPeers: { before: 0, after: 1 } }),
      ],
      peers: ALL,
      mirrors: { targets: 0, resolve: false, others: false, marksOwn: null },
    },
  ],
  [
    'only a manifest came, and a peer had it',
    'fallback',
    {
      objects: [object({ kind: 'manifest', heldByPeers: { before: 1, after: 1 } })],
      peers: ALL,
      mirrors: { targets: 0, resolve: false, others: false, marksOwn: null },
    },
  ],
  ['the origin was asked alone', 'first', { objects: three({ answeredBy: 'origin' }), ...seen('origin') }],
  ['the mirror gave what it had to fetch', 'peer', { objects: three(unmarked()), ...seen() }],
  [
    'the mirror gave what this node has',
    'local',
    { objects: three({ ...unmarked(), markedOwn: true, heldHere: true }), ...seen() },
  ],
  [
    'a mirror gave its own content, which this node has not',
    'peer',
    { objects: three({ ...unmarked(), markedOwn: true }), ...seen() },
  ],
  [
    'a mirror gave its own content, and what this node has is not known',
    'unknown',
    { objects: three({ ...unmarked(), markedOwn: true, heldHere: null }), ...seen() },
  ],
  [
    'a mirror of a release that is not known',
    'unknown',
    {
      objects: three({ ...unmarked(), heldHere: null }),
      ...seen(),
      mirrors: { targets: 2, resolve: true, others: false, marksOwn: null },
    },
  ],
  [
    'the mirror gave what nobody has',
    'unknown',
    { objects: three({ ...unmarked(), heldByPeers: NOBODY }), peers: ALL, ...seen() },
  ],
  [
    'the manifest from a peer, and the layer that it had too from the origin',
    'fallback',
    {
      objects: [
        object({ kind: 'manifest', ...unmarked() }),
        object({ answeredBy: 'origin', heldByPeers: { before: 1, after: 1 } }),
      ],
      ...seen(),
    },
  ],
  [
    'one layer from a peer, one from the origin',
    'mixed',
    { objects: [object(unmarked()), object({ answeredBy: 'origin' })], ...seen() },
  ],
  ['another mirror answered', 'unknown', { objects: three({ answeredBy: 'other' }), ...seen() }],
]

function seen(asked: 'origin' | 'mirrors' = 'mirrors'): Partial<PullEvidence> {
  return { requests: 'seen', asked }
}

function unmarked(): Partial<ObjectEvidence> {
  return { answeredBy: 'mirror', markedOwn: false }
}

for (const [name, source, more] of CASES) {
  t.test(`${name}: ${source}`, async (t) => {
    const { source: told, evidence } = classifyPull(pull(more))
    t.equal(told, source)
    t.ok(evidence.length > 0)
    for (const piece of evidence) t.match(piece, { text: /./, source: /./ })
  })
}

t.test('each piece of evidence is named', async (t) => {
  const { evidence } = classifyPull(
    pull({
      objects: three({ heldByPeers: { before: 1, after: 1 } }),
      peers: ALL,
      counters: { hits: 0, misses: 4, given: null },
    }),
  )
  t.match(
    evidence.map((it) => it.source),
    ['content of containerd', "Spegel's counters", 'HEAD to the peers', 'content of containerd', 'bytes and time'],
  )
  t.match(evidence[1]?.text, /no proof/)
  t.match(evidence[2]?.text, /^all \d+ peers were asked: 3 of 3 objects were at one of them before$/)
})

/** A world in which a pull takes place, with who really gave what. */
interface World {
  targets: 0 | 1 | 2
  resolve: boolean
  /** Where the second target leads: to this node's Spegel, or to another one, which has what it has. */
  secondLeadsAway: boolean
  /** Which of the peers have the object, and whether what they give comes to its end, breaks off or never begins. */
  objects: readonly { here: boolean; holders: readonly boolean[]; delivery: 'well' | 'broken' | 'refused' }[]
  peersAsked: 'all' | 'one' | 'none'
  hasCounters: boolean
  tellsGiven: boolean
  /** Hits and misses of somebody else's pull at the same time. */
  foreign: { hits: number; misses: number } | null
  headHeld: boolean
}

const PEERS = 2

const worlds: fc.Arbitrary<World> = fc.record({
  targets: fc.constantFrom(0, 1, 2),
  resolve: fc.boolean(),
  secondLeadsAway: fc.boolean(),
  objects: fc.array(
    fc.record({
      here: fc.boolean(),
      holders: fc.array(fc.boolean(), { minLength: PEERS, maxLength: PEERS }),
      delivery: fc.constantFrom('well', 'broken', 'refused'),
    }),
    { minLength: 1, maxLength: 5 },
  ),
  peersAsked: fc.constantFrom('all', 'one', 'none'),
  hasCounters: fc.boolean(),
  tellsGiven: fc.boolean(),
  foreign: fc.option(fc.record({ hits: fc.nat(3), misses: fc.nat(3) })),
  headHeld: fc.boolean(),
})

type Giver = 'origin' | 'peer' | 'both' | 'local'

/** What happens, as Spegel and containerd do it. */
function happen(world: World): { givers: Giver[]; counters: { hits: number; misses: number; given: number } } {
  const counters = { hits: 0, misses: 0, given: 0 }
  const ask = (holders: readonly boolean[], delivery: World['objects'][number]['delivery'], content = 1): Giver => {
    let isPartly = false
    for (let target = 0; target < world.targets; target++) {
      const isAway = target === 1 && world.secondLeadsAway
      // Another node's Spegel gives what it has itself, and what it has from others: this one's counters know neither.
      if (isAway && (holders[0] === true || (holders.some(Boolean) && delivery === 'well'))) return 'peer'
      if (isAway) continue
      if (!holders.some(Boolean) || delivery === 'refused') counters.misses += 1
      else if (delivery === 'well') {
        counters.hits += 1
        counters.given += content
        return 'peer'
      } else if (!isPartly) {
        // The body breaks off: containerd asks for the rest from the first endpoint on.
        isPartly = true
        counters.hits += 1
        counters.given += content
        target = -1
      } else counters.misses += 1
    }
    return isPartly ? 'both' : 'origin'
  }
  if (world.resolve && world.targets > 0) ask([world.headHeld, false], 'well', 0)
  const givers = world.objects.map((it) => (it.here ? 'local' : ask(it.holders, it.delivery)))
  return { givers, counters }
}

t.test('whatever happened: a source is claimed only where it is the truth', async (t) => {
  const claimed = new Map<string, number>()
  fc.assert(
    fc.property(worlds, (world) => {
      const { givers, counters } = happen(world)
      const asked = { all: PEERS, one: 1, none: 0 }[world.peersAsked]
      const objects = world.objects.map((it, index) => {
        const held = it.holders.slice(0, asked).filter(Boolean).length
        return object({
          kind: index === 0 ? 'manifest' : index === 1 ? 'config' : 'layer',
          fetched: !it.here,
          heldHere: it.here,
          heldByPeers: asked === 0 ? null : { before: held, after: held },
        })
      })
      const foreign = world.foreign ?? { hits: 0, misses: 0 }
      const { source } = classifyPull(
        pull({
          objects,
          mirrors: { targets: world.targets, resolve: world.resolve, others: false, marksOwn: true },
          counters: world.hasCounters
            ? {
                hits: counters.hits + foreign.hits,
                misses: counters.misses + foreign.misses,
                given: world.tellsGiven ? counters.given + foreign.hits : null,
              }
            : null,
          peers: asked === 0 ? null : { asked, known: PEERS },
          alone: world.foreign === null,
        }),
      )
      claimed.set(source, (claimed.get(source) ?? 0) + 1)
      const came = givers.filter((it) => it !== 'local')
      const fetched = world.objects.flatMap((it, index) => (it.here ? [] : [{ ...it, isLayer: index > 1 }]))
      const layers = fetched.filter((it) => it.isLayer)
      const held = (layers.length > 0 ? layers : fetched).filter((it) => it.holders.some(Boolean)).length
      const byOrigin = came.filter((it) => it === 'origin').length
      const byPeer = came.filter((it) => it === 'peer').length
      switch (source) {
        case 'first':
          return byOrigin === came.length && held === 0
        case 'fallback':
          return byOrigin === came.length && held > 0
        case 'peer':
          return byPeer === came.length
        case 'mixed':
          return byOrigin < came.length && byPeer < came.length
        case 'local':
          return came.length === 0
        default:
          return true
      }
    }),
    { numRuns: 20_000 },
  )
  for (const source of ['first', 'peer', 'fallback', 'mixed', 'local', 'unknown']) {
    t.ok((claimed.get(source) ?? 0) > 0, `${source}: ${claimed.get(source)} times`)
  }
})

const verdicts = fc.record({
  answeredBy: fc.constantFrom('origin', 'mirror', 'other', null),
  markedOwn: fc.constantFrom(true, false, null),
  heldHere: fc.constantFrom(true, false, null),
  heldByPeers: fc.constantFrom(null, NOBODY, { before: 1, after: 1 }),
})

t.test('of requests that were seen, peer and first are never told against an answer', async (t) => {
  fc.assert(
    fc.property(
      fc.array(verdicts, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(true, false, null),
      (answers, marksOwn) => {
        const objects = answers.map((it) => object(it))
        const mirrors = { targets: 2, resolve: true, others: false, marksOwn }
        const { source } = classifyPull(pull({ objects, ...seen(), peers: ALL, mirrors }))
        const isLocal = (it: (typeof answers)[number]) =>
          it.answeredBy === 'mirror' && it.markedOwn === true && it.heldHere === true
        const came = answers.filter((it) => !isLocal(it))
        if (source === 'first') return came.every((it) => it.answeredBy === 'origin' && it.heldByPeers?.before === 0)
        if (source === 'fallback') return came.some((it) => it.answeredBy === 'origin' && it.heldByPeers?.before === 1)
        if (source !== 'peer') return true
        const isElsewhere = (it: (typeof answers)[number]) =>
          it.heldHere === false || (marksOwn === true && it.markedOwn === false && it.heldHere === null)
        return came.every((it) => it.answeredBy === 'mirror' && isElsewhere(it))
      },
    ),
    { numRuns: 5_000 },
  )
  t.pass('5000 sets of answers')
})
