import t from 'tap'
import { parseImageReference } from '../../src/containerd/reference.ts'
import type { ObservedMarks } from '../../src/pull/observed-marks.ts'
import { ObservedSource, type SourceQuestion } from '../../src/pull/observed-source.ts'
import { PerMinute } from '../../src/pull/per-minute.ts'

const OBJECT = {
  digest: `sha256:${'1'.repeat(64)}`,
  kind: 'manifest',
  bytes: 500,
  fetched: true,
  heldHere: false,
} as const
const REFERENCE = parseImageReference('192.168.1.106/library/app:v1')

/** What was seen of a pull of that object and of nothing else. `more`: when it began, and how it differs. */
function marksOf(more: Pick<ObservedMarks, 'begin'> & Partial<ObservedMarks>): ObservedMarks {
  const seen = { hasLease: true, alone: true, objects: [OBJECT], resumed: 0, shared: 0, unseen: 0, phases: [] }
  return { ...seen, ...more }
}

/** A pull of one object, all of whose requests hit, between two readings; `more`: how it differs. */
async function told(more: (now: number) => Partial<SourceQuestion>, counters = [3, 5]): Promise<string> {
  const source = new ObservedSource({
    spegel: () => ({
      sight: null,
      peers: 0,
      readPage: async () => {
        const hits = counters.shift() ?? 0
        return { counters: () => ({ hits, misses: 0, given: null }) }
      },
    }),
    heads: new PerMinute(0),
  })
  await source.read()
  const now = Date.now()
  const question: SourceQuestion = {
    reference: REFERENCE,
    objects: [{ ...OBJECT, mediaType: '', size: 500 }],
    marks: marksOf({ begin: now + 10 }),
    end: now + 20,
    mirrors: { targets: 1, resolve: true, others: false, marksOwn: null },
    quietSince: now - 1_000,
  }
  return (await source.tell({ ...question, ...more(now) })).source
}

t.test(
  'counters are proof where they were read at rest before the pull, and nothing else was seen since',
  async (t) => {
    t.equal(await told(() => ({})), 'peer')
    for (const [name, more] of [
      ['they were read while it was under way', (now: number) => ({ marks: marksOf({ begin: now - 500 }) })],
      ['somebody else was seen since', (now: number) => ({ quietSince: now + 5 })],
      ['somebody else pulled meanwhile', (now: number) => ({ marks: marksOf({ begin: now + 10, alone: false }) })],
      ['the path has another mirror', () => ({ mirrors: { targets: 1, resolve: true, others: true, marksOwn: null } })],
    ] as const) {
      t.equal(await told(more), 'unknown', name)
    }
    t.equal(await told(() => ({}), [3, 6]), 'unknown', 'a request more was counted')
    t.equal(await told(() => ({}), [3, 1]), 'unknown', 'it was started again')
  },
)
