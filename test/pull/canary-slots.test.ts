import t, { type Test } from 'tap'
import { slotStart, slotTimes } from '../../src/drift/canary-slot.ts'
import type { ClusterMembers } from '../../src/drift/cluster-members.ts'
import { CanarySlots, type SlotTurn } from '../../src/pull/canary-slots.ts'
import { VirtualTime } from '../simulation/virtual-time.ts'

const HOUR = 3_600_000
const FAULT = new TypeError('a fault')
const FIRST_SLOT = 494_000
const START = slotStart(FIRST_SLOT, HOUR)

function members(...names: string[]): ClusterMembers {
  const pods = names.map((node, place) => ({ node, address: `10.244.0.${place}`, isServing: true, isGone: false }))
  return { pods, unnamed: 0, asOf: '2026-11-26T00:00:00.000Z' }
}

/** One node of three, and what it does when, in minutes since the first slot's start. */
function node(
  t: Test,
  { begins = 0, known = members('a', 'b', 'c') as ClusterMembers | null | undefined, name = 'b' } = {},
) {
  const time = new VirtualTime(START + begins)
  let offset = 0
  const it = { known, offset: 0, done: [] as string[], take: async (_: SlotTurn) => {}, faults: [] as unknown[] }
  const note = (what: string) => it.done.push(`${Math.round((time.now - START) / 60_000)}: ${what}`)
  const slots = new CanarySlots({
    name,
    interval: HOUR,
    tags: 8,
    nodes: {
      read: async () => {
        note('read')
        if (it.known === undefined) throw FAULT
        return it.known
      },
    },
    work: {
      drop: async (tag) => void note(`drop ${tag}`),
      take: async (turn) => {
        note(`turn ${turn.turn} of slot ${turn.slot - FIRST_SLOT}, tag ${turn.tag}`)
        await it.take(turn)
      },
      alone: async () => void note('alone'),
      abandon: (slot, _tag, why) => void note(`slot ${slot - FIRST_SLOT} ${why}`),
    },
    onFault: (error) => {
      if (error !== FAULT) throw error
      it.faults.push(error)
    },
    clock: { longestSleep: 30_000, now: () => time.now + offset, sleep: (ms, signal) => time.sleep(ms, signal) },
  })
  t.teardown(async () => {
    const stopped = slots.stop()
    await time.run(time.now + 1)
    await stopped
  })
  slots.start()
  return Object.assign(it, {
    slots,
    time,
    /** The clock of the machine is set, or jumps while it is suspended. */
    jump: (milliseconds: number) => {
      offset += milliseconds
    },
    until: (minutes: number) => time.run(START + minutes * 60_000),
  })
}

t.test('a node drops the tag of each slot at its start, and pulls it in its turn', async (t) => {
  const it = node(t, { begins: -10 * 60_000 })
  await it.until(179)
  // Started within the slot before, whose turn is over.
  const wait = (turn: number) => Math.round((turn === 0 ? slotTimes(HOUR).first : slotTimes(HOUR).others) / 60_000)
  t.same(it.done, [
    '-10: drop 7',
    '-10: read',
    '-10: slot -1 late',
    '0: read',
    '0: drop 0',
    '17: turn 2 of slot 0, tag 0',
    '60: read',
    '60: drop 1',
    `${60 + wait(1)}: turn 1 of slot 1, tag 1`,
    '120: read',
    '120: drop 2',
    `${120 + wait(0)}: turn 0 of slot 2, tag 2`,
  ])
})

t.test('a node that is started within a slot takes its turn if that is not over', async (t) => {
  const early = node(t, { begins: 8 * 60_000 })
  await early.until(59)
  t.match(early.done, ['8: drop 0', '8: read', '17: turn 2 of slot 0, tag 0'])
  const late = node(t, { begins: 30 * 60_000 })
  await late.until(58)
  t.same(late.done, ['30: drop 0', '30: read', '30: slot 0 late'])
})

t.test('a machine that was suspended leaves out what passed', async (t) => {
  const it = node(t, { begins: -5 * 60_000 })
  await it.until(2)
  it.done.length = 0
  it.jump(3 * HOUR)
  await it.until(70)
  t.same(it.done.slice(0, 4), ['3: slot 0 passed-over', '3: slot 1 passed-over', '3: drop 3', '3: read'])
  t.ok(
    it.done.some((line) => line.endsWith('of slot 4, tag 4')),
    'and goes on',
  )
})

t.test('a clock that was set back does not keep it waiting', async (t) => {
  const it = node(t, { begins: -5 * 60_000 })
  await it.until(2)
  it.done.length = 0
  it.jump(-24 * HOUR)
  await it.until(70)
  t.match(it.done[0], /slot 0 clock-set-back/)
  t.ok(
    it.done.some((line) => line.endsWith('of slot -23, tag 1')),
    it.done.join('; '),
  )
})

t.test('where the nodes are not known, or it is none of them, it measures alone', async (t) => {
  for (const known of [null, members('a', 'c')]) {
    const it = node(t, { begins: -5 * 60_000, known })
    await it.until(59)
    t.same(
      it.done.filter((line) => line.endsWith('alone')),
      ['-5: alone', '0: alone'],
    )
    it.known = members('a', 'b', 'c')
    await it.until(119)
    t.match(it.done.at(-1), /turn 1 of slot 1, tag 1/, 'and with the others again as soon as they are known')
  }
})

t.test('a turn that has to wait is asked again whether it still is one', async (t) => {
  const it = node(t, { begins: -5 * 60_000 })
  const asked: unknown[] = []
  it.take = async (turn) => {
    asked.push(turn.abandonment())
    await it.time.sleep(slotTimes(HOUR).patience + 1)
    asked.push(turn.abandonment())
    await it.time.sleep(HOUR)
    asked.push(turn.abandonment())
  }
  await it.until(100)
  t.same(asked, [null, 'late', 'passed-over'])
})

t.test('it ends whatever it waits for, and does nothing any more', async (t) => {
  const it = node(t, { begins: -5 * 60_000 })
  await it.until(1)
  const stopped = it.slots.stop()
  await it.until(2)
  await stopped
  it.done.length = 0
  await it.until(200)
  t.same(it.done, [])
})

t.test('a fault ends its slot and is told, and the next slot is served', async (t) => {
  const it = node(t, { begins: -5 * 60_000 })
  await it.until(1)
  it.take = async () => {
    throw FAULT
  }
  await it.until(59)
  t.same(it.faults.splice(0), [FAULT], 'in its turn')
  it.known = undefined
  it.take = async () => {}
  await it.until(119)
  t.same(it.faults.splice(0), [FAULT], 'in reading the nodes, before anybody waited for them')
  it.known = members('a', 'b', 'c')
  await it.until(179)
  t.match(it.done.at(-1), /turn 0 of slot 2, tag 2/)
})
