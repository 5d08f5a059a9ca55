import fc from 'fast-check'
import t from 'tap'
import { observedMarks, type SeenPull } from '../../src/pull/observed-marks.ts'
import type { SeenLease } from '../../src/pull/pull-activity.ts'

const HOST = 'containerd.io/distribution.source.192.168.1.106'
const MANIFEST = digest(1)
const CONFIG = digest(2)
const LAYERS = [digest(3), digest(4)] as const
const DIFFS = [digest(5), digest(6)] as const

function digest(number: number): string {
  return `sha256:${String(number).padStart(64, '0')}`
}

function content(digest: string, size: number, createdAt: number, repository: string | null = 'library/app') {
  const labels = new Map(repository === null ? [] : [[HOST, repository]])
  return { digest, size, createdAt, updatedAt: createdAt, labels }
}

function lease(
  id: string,
  createdAt: number,
  goneBy: number | null,
  contents: readonly string[],
  writes = {},
): SeenLease {
  return { id, createdAt, goneBy, contents: new Set(contents), writes: new Map(Object.entries(writes)), changedAt: 0 }
}

const OBJECTS = [
  { digest: MANIFEST, kind: 'manifest', mediaType: '', size: 500 },
  { digest: CONFIG, kind: 'config', mediaType: '', size: 300 },
  { digest: LAYERS[0], kind: 'layer', mediaType: '', size: 1_000 },
  { digest: LAYERS[1], kind: 'layer', mediaType: '', size: 2_000 },
] as const

/** A pull that began at 1000 and ended at 2000, as containerd 2.1 tells it. */
const PULL: SeenPull = {
  image: { objects: OBJECTS, diffIds: new Map([[LAYERS[0], DIFFS[0]]]) },
  target: MANIFEST,
  repository: 'library/app',
  end: 2_000,
  since: 0,
  earliest: 990,
  leases: [
    lease(
      'own',
      1_000,
      2_010,
      OBJECTS.map((it) => it.digest),
      { [LAYERS[0]]: 1_500, [LAYERS[1]]: 1_600 },
    ),
  ],
  begun: new Map([
    [MANIFEST, { startedAt: 1_100, goneBy: 1_120 }],
    [LAYERS[0], { startedAt: 1_200, goneBy: 1_520 }],
    [LAYERS[1], { startedAt: 1_210, goneBy: 1_620 }],
  ]),
  stored: new Map(),
  contents: new Map([
    [MANIFEST, content(MANIFEST, 500, 1_110)],
    [CONFIG, content(CONFIG, 300, 1_150)],
    [LAYERS[0], content(LAYERS[0], 1_000, 1_510)],
    [LAYERS[1], content(LAYERS[1], 2_000, 1_610)],
  ]),
  prepared: new Map([[DIFFS[0], 1_160]]),
  committed: new Map([[DIFFS[0], 1_800]]),
  taken: new Map(),
}
const bytesIn = (marks: ReturnType<typeof observedMarks>) => marks?.objects.reduce((sum, it) => sum + it.bytes, 0)

t.test('a pull begins with its lease, and its parts lie between the marks', async (t) => {
  const marks = observedMarks(PULL)
  t.match(marks, { begin: 1_000, hasLease: true, alone: true, resumed: 0, shared: 0, unseen: 0 })
  t.equal(bytesIn(marks), 3_800)
  t.same(
    marks?.phases.map(({ name, start, duration, bytes }) => [name, start, duration, bytes]),
    [
      ['resolve', 0, 0.1, 0],
      ['manifest', 0.1, 0.01, 500],
      ['config', 0.11, 0.04, 300],
      ['layer', 0.2, 0.31, 1_000],
      ['layer', 0.21, 0.4, 2_000],
      ['unpack', 0.51, 0.29, 0],
    ].map(([name, start, duration, bytes]) => [name, closeTo(start), closeTo(duration), bytes]),
  )
})

/** Sums of binary fractions. */
function closeTo(value: unknown): number {
  const found = observedMarks(PULL)?.phases.flatMap((it) => [it.start, it.duration]) ?? []
  return found.find((it) => Math.abs(it - Number(value)) < 1e-9) ?? Number(value)
}

t.test('without its lease it begins with the first content that came after the last look', async (t) => {
  const marks = observedMarks({ ...PULL, leases: [] })
  t.match(marks, { begin: 1_100, hasLease: false, alone: false })
  t.equal(bytesIn(marks), 3_800)
  t.notOk(marks?.phases.some((it) => it.name === 'resolve'))
  const late = observedMarks({ ...PULL, leases: [], earliest: 1_140 })
  t.match(late, { begin: 1_150 }, 'what was there by then is not of this pull')
  t.equal(bytesIn(late), 3_300)
  const unknown = lease('unknown', 1_000, 2_010, [])
  t.equal(
    bytesIn(observedMarks({ ...PULL, leases: [unknown], earliest: 1_140 })),
    3_800,
    'unless a lease may be its own',
  )
})

t.test('what is no pull is not taken for one', async (t) => {
  const created = (at: number) => new Map(OBJECTS.map((it) => [it.digest, content(it.digest, it.size, at)]))
  const imported = new Map(OBJECTS.map((it) => [it.digest, content(it.digest, it.size, 1_500, null)]))
  const elsewhere = new Map(OBJECTS.map((it) => [it.digest, content(it.digest, it.size, 1_500, 'library/other')]))
  for (const [name, more] of [
    ['all of it was there', { contents: created(500) }],
    ['it was imported: nobody noted where it is from', { contents: imported, leases: [] }],
    ['it was imported over one of another repository', { contents: elsewhere, leases: [] }],
    ['it was made after the record', { contents: created(2_500) }],
    ['it began before anything was heard', { since: 1_050 }],
    ['the same without its lease', { since: 1_105, earliest: 1_105, leases: [], contents: created(1_102) }],
  ] as const) {
    t.equal(observedMarks({ ...PULL, ...more }), null, name)
  }
})

t.test('what a dead pull left is no part of the next one', async (t) => {
  const dead = lease('dead', 100, null, [MANIFEST, CONFIG])
  const contents = new Map(PULL.contents)
    .set(MANIFEST, content(MANIFEST, 500, 150))
    .set(CONFIG, content(CONFIG, 300, 160))
  const marks = observedMarks({ ...PULL, leases: [dead, ...PULL.leases], contents })
  t.match(marks, { begin: 1_000, alone: false })
  t.equal(bytesIn(marks), 3_000)
  t.same(
    marks?.objects.map((it) => it.fetched),
    [null, null, true, true],
  )
  const begun = new Map(PULL.begun).set(LAYERS[0], { startedAt: 200, goneBy: 1_520 })
  const resumed = observedMarks({ ...PULL, begun })
  t.match(resumed, { resumed: 1 })
  t.equal(bytesIn(resumed), 2_800, 'nor are the bytes of what it had begun')
  const over = observedMarks({ ...PULL, begun: new Map(PULL.begun).set(LAYERS[0], { startedAt: 200, goneBy: 300 }) })
  t.equal(bytesIn(over), 3_800, 'but one that was over was of another time')
})

t.test('a layer that others fetch at the same time is theirs, or nobody’s for certain', async (t) => {
  const own = lease(
    'own',
    1_000,
    2_010,
    OBJECTS.map((it) => it.digest),
    { [LAYERS[1]]: 1_600 },
  )
  const other = lease('other', 900, 3_000, [LAYERS[0]], { [LAYERS[0]]: 1_500 })
  const theirs = observedMarks({ ...PULL, leases: [own, other] })
  t.match(theirs, { alone: false, shared: 0 })
  t.equal(bytesIn(theirs), 2_800)
  t.same(
    theirs?.objects.map((it) => it.fetched),
    [true, true, false, true],
  )
  t.notOk(
    theirs?.phases.some((it) => it.name === 'unpack'),
    'nor is its unpacking',
  )
  const holding = lease('other', 900, 3_000, [LAYERS[0]])
  const first = observedMarks({ ...PULL, leases: [own, holding] })
  t.match(first, { shared: 1 })
  t.equal(bytesIn(first), 3_800, 'the one that ended first has its bytes')
  const second = observedMarks({ ...PULL, leases: [own, holding], taken: new Map([[LAYERS[0], 1_900]]) })
  t.equal(bytesIn(second), 2_800)
  t.same(
    second?.objects.map((it) => it.fetched),
    [true, true, null, true],
  )
  const earlier = observedMarks({ ...PULL, taken: new Map([[LAYERS[0], 1_400]]) })
  t.equal(bytesIn(earlier), 3_800, 'what was fetched after that pull ended was fetched again')
})

t.test('discarded layers are claimed as far as they were seen', async (t) => {
  const contents = new Map(PULL.contents).set(LAYERS[0], null).set(LAYERS[1], null)
  const unseen = { ...PULL, contents, leases: [lease('own', 1_000, 2_010, [MANIFEST, CONFIG])] }
  t.match(observedMarks(unseen), { unseen: 2 })
  t.equal(bytesIn(observedMarks(unseen)), 800)
  t.equal(bytesIn(observedMarks({ ...PULL, contents })), 3_800, 'seen while they were written')
  const stored = new Map([[LAYERS[0], { size: 1_000, createdAt: 1_510 }]])
  t.equal(bytesIn(observedMarks({ ...unseen, stored })), 1_800, 'an event told of one (2.1)')
  const before = new Map([[LAYERS[0], { size: 1_000, createdAt: 500 }]])
  t.match(observedMarks({ ...unseen, stored: before }), { unseen: 2 }, 'one that was here once may have been gone')
})

t.test('whatever was seen, no more is claimed than the image has, within the time that was heard', async () => {
  const at = fc.integer({ min: 0, max: 3_000 })
  const leases = fc.array(
    fc.record({
      createdAt: at,
      goneBy: fc.option(at),
      contents: fc.subarray(OBJECTS.map((it) => it.digest)),
      writes: fc.subarray([...LAYERS]),
      seen: at,
    }),
    { maxLength: 4 },
  )
  const times = fc.tuple(...OBJECTS.map(() => fc.option(at)))
  fc.assert(
    fc.property(leases, times, times, at, at, at, (leases, stored, begun, since, earliest, taken) => {
      const marks = observedMarks({
        ...PULL,
        since,
        earliest,
        leases: leases.map((it, index) =>
          lease(
            `${index}`,
            it.createdAt,
            it.goneBy,
            it.contents,
            Object.fromEntries(it.writes.map((digest) => [digest, it.seen])),
          ),
        ),
        contents: new Map(
          OBJECTS.map(({ digest, size }, index) => [
            digest,
            stored[index] == null ? null : content(digest, size, stored[index]),
          ]),
        ),
        begun: new Map(OBJECTS.map(({ digest }, index) => [digest, { startedAt: begun[index] ?? 0, goneBy: null }])),
        taken: new Map([[LAYERS[0], taken]]),
      })
      if (marks === null) return true
      const { begin, objects, phases } = marks
      const isWithin = begin >= since && begin <= PULL.end
      const isBounded = objects.every(
        (it, index) => it.bytes <= (OBJECTS[index]?.size ?? 0) && (it.fetched !== false || it.bytes === 0),
      )
      return (
        isWithin &&
        isBounded &&
        phases.every(
          (it) => it.duration >= 0 && it.start >= 0 && begin + (it.start + it.duration) * 1000 <= PULL.end + 6,
        )
      )
    }),
  )
})
