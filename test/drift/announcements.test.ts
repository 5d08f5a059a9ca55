import fc from 'fast-check'
import t from 'tap'
import { type Announcement, Announcements } from '../../src/drift/announcements.ts'
import type { Reason } from '../../src/drift/reasons.ts'
import type { Finding, InputReport, NodeReport } from '../../src/drift/report.ts'
import { finding, registry, report } from '../render/sample-report.ts'

const MINUTE = 60_000
const HOLD_DOWN = 2 * MINUTE
const LOST = '192.168.1.106/peer-mirror-missing'
const ABSENT = 'node/spegel-absent'

/** A node at virtual time, in minutes; whatever is due is told at once, unless nobody listens. */
class Node {
  readonly #announcements = new Announcements()
  readonly told: string[] = []
  isAway = false
  #now = 0
  #report: NodeReport = report({ findings: [] })
  heldUntil = 0

  find(minute: number, ids: readonly string[], facts: Partial<NodeReport> = {}): this {
    this.pass(minute)
    const findings = ids.map((id) => named(id, new Date(this.#now).toISOString()))
    this.#report = report({ findings, ...facts })
    this.#announcements.take(this.#report, { heldUntil: this.heldUntil * MINUTE, holdDown: HOLD_DOWN }, this.#now)
    return this.#tell()
  }

  /** Time passes, and what is due of its own accord is told when it is. */
  pass(minute: number): this {
    for (;;) {
      const next = this.#announcements.dueAt()
      if (this.isAway || next === null || next > minute * MINUTE) break
      this.#now = Math.max(this.#now, next)
      this.#tell()
    }
    this.#now = minute * MINUTE
    return this
  }

  comeBack(): this {
    this.isAway = false
    return this.#tell()
  }

  #tell(): this {
    if (this.isAway) return this
    for (const it of this.#announcements.due(this.#now)) {
      this.told.push(`${this.#now / MINUTE} ${it.kind} ${it.finding.id}${it.count > 1 ? ` x${it.count}` : ''}`)
      this.#announcements.told(it, this.#now)
    }
    return this
  }
}

function named(id: string, since: string): Finding {
  const [name = '', reason] = id.split('/') as [string, Reason]
  const of = name === 'node' ? '' : name
  return finding({ id, reason, registry: of, level: of === '' ? 'node' : 'registry', since })
}

const down: InputReport[] = [{ input: 'hosts', up: false, message: 'EACCES' }]
const unseen = { registries: [registry('192.168.1.106', { inSync: null })], inputs: down }

for (const [what, play, expected] of [
  ['its start and its end', (it: Node) => it.find(1, [LOST]).find(4, []), [`1 started ${LOST}`, `4 ended ${LOST}`]],
  ['its text alone: nothing more', (it: Node) => it.find(1, [LOST]).find(2, [LOST]), [`1 started ${LOST}`]],
  ['within the hold-down: nothing', (it: Node) => held(it).find(1, [LOST]).find(1.5, []).pass(60), []],
  ['longer than the hold-down: at its end', (it: Node) => held(it).find(1, [LOST]).pass(5), [`2 started ${LOST}`]],
  ['what a rollout brings for a moment: nothing', (it: Node) => it.find(1, [ABSENT]).find(2.9, []).pass(9), []],
  ['what a rollout leaves: later', (it: Node) => it.find(1, [ABSENT]).pass(9), [`3 started ${ABSENT}`]],
  [
    'out of sight: no end, until it is seen',
    (it: Node) => it.find(1, [LOST]).find(2, [], unseen).find(3, []),
    [`1 started ${LOST}`, `3 ended ${LOST}`],
  ],
  [
    'of the node: no end while an input is down',
    (it: Node) => it.find(1, ['node/layers-discarded']).find(2, [], { inputs: down }).find(3, []),
    ['1 started node/layers-discarded', '3 ended node/layers-discarded'],
  ],
  [
    'a registry that nobody declares any more: its end',
    (it: Node) => it.find(1, [LOST]).find(2, [], { registries: [], inputs: down }),
    [`1 started ${LOST}`, `2 ended ${LOST}`],
  ],
  ['nobody listened meanwhile: nothing', (it: Node) => away(it).find(1, [LOST]).find(2, []).comeBack(), []],
  [
    'nobody listened, and it lasts: its start',
    (it: Node) => away(it).find(1, [LOST]).pass(70).comeBack(),
    [`70 started ${LOST}`],
  ],
  [
    'nobody listened to its end: told when somebody does',
    (it: Node) =>
      away(it.find(1, [LOST]))
        .find(2, [])
        .pass(30)
        .comeBack(),
    [`1 started ${LOST}`, `30 ended ${LOST}`],
  ],
  [
    'ended and started while nobody listened: nothing more',
    (it: Node) =>
      away(it.find(1, [LOST]))
        .find(20, [])
        .find(25, [LOST])
        .comeBack(),
    [`1 started ${LOST}`],
  ],
  [
    'again and again: six times an hour, and counted',
    (it: Node) => it.find(1, [LOST]).find(2, []).find(3, [LOST]).find(4, []).find(5, [LOST]).pass(20).find(21, []),
    [`1 started ${LOST}`, `2 ended ${LOST}`, `11 started ${LOST} x3`, `21 ended ${LOST} x2`],
  ],
  [
    'again after an hour: told anew',
    (it: Node) => it.find(1, [LOST]).find(2, []).find(70, [LOST]),
    [`1 started ${LOST}`, `2 ended ${LOST}`, `70 started ${LOST}`],
  ],
] as const) {
  t.test(`${what}`, async (t) => {
    const node = new Node()
    play(node)
    t.strictSame(node.told, expected)
  })
}

function held(node: Node): Node {
  node.heldUntil = 2
  return node
}

function away(node: Node): Node {
  node.isAway = true
  return node
}

t.test('notes on how Git is written are told of no node', async (t) => {
  const announcements = new Announcements()
  const info = finding({ severity: 'info' })
  announcements.take(report({ findings: [info] }), { heldUntil: 0, holdDown: 0 }, 0)
  t.strictSame(announcements.due(0), [])
  t.equal(announcements.dueAt(), null)
})

t.test('a telling keeps its name while it is counted, and has another one anew', async (t) => {
  const announcements = new Announcements()
  const told: Announcement[] = []
  const at = (minute: number, findings: Finding[]) => {
    announcements.take(report({ findings }), { heldUntil: 0, holdDown: 0 }, minute * MINUTE)
    for (const it of announcements.due(minute * MINUTE)) {
      told.push(it)
      announcements.told(it, minute * MINUTE)
    }
  }
  for (const [minute, since] of [
    [0, 'a'],
    [20, 'b'],
    [90, 'c'],
  ] as const) {
    at(minute, [finding({ since })])
    at(minute + 1, [])
  }
  const lines = told.map(({ kind, count, first }) => `${kind} ${count} ${first}`)
  t.strictSame(lines, ['started 1 a', 'ended 1 a', 'started 2 a', 'ended 2 a', 'started 1 c', 'ended 1 c'])
})

t.test('whatever happens: starts and ends alternate, few an hour, and the last told is how it is', async () => {
  const ids = [LOST, ABSENT, 'docker.io/endpoint-down']
  const step = fc.record({
    after: fc.integer({ min: 0, max: 15 }),
    found: fc.subarray(ids),
    isAway: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 30 }), (steps, heldUntil) => {
      const node = new Node()
      node.heldUntil = heldUntil
      let minute = 0
      for (const { after, found, isAway } of steps) {
        minute += after
        node.pass(minute)
        node.isAway = isAway
        node.find(minute, found)
      }
      const last = steps.at(-1)?.found ?? []
      node.comeBack().pass(minute + 60)
      for (const id of ids) {
        const own = node.told.map((it) => it.split(' ')).filter(([, , of]) => of === id)
        const kinds = own.map(([, kind]) => kind)
        if (kinds.some((kind, index) => kind !== (index % 2 === 0 ? 'started' : 'ended'))) return false
        if ((kinds.at(-1) === 'started') !== last.includes(id)) return false
        const starts = own.filter(([, kind]) => kind === 'started').map(([time]) => Number(time))
        if (starts.some((time, index) => index > 0 && time - (starts[index - 1] ?? 0) < 10)) return false
        if (starts.some((time) => time < heldUntil)) return false
      }
      return true
    }),
    { numRuns: 300 },
  )
})
