import t from 'tap'
import { type SimulationOptions, simulate } from './slot-simulation.ts'

const HOUR = 3_600_000
const DAY = { seed: 1, slots: 24, interval: HOUR }

t.test('where nothing goes wrong one node pulls from the origin in each slot, whatever the clocks say', async (t) => {
  for (const more of [
    { nodes: 1 },
    { nodes: 2 },
    { nodes: 3 },
    { nodes: 3, targets: 2 as const },
    { nodes: 3, skew: 30_000 },
    { nodes: 3, interval: 10_000, size: 1024 * 1024 },
    { nodes: 20, skew: 30_000 },
  ]) {
    const it = await simulate({ ...DAY, ...more })
    const name = JSON.stringify(more)
    t.same(it.wrong, [], name)
    t.same([...it.firstsASlot], [[1, 24]], `${name}: one first pull a slot`)
    t.ok(
      it.originPulls.every((pulls) => pulls === 1),
      name,
    )
    t.equal(it.pulls - it.homePulls, 24 * more.nodes, `${name}: all nodes pull in all slots`)
    t.equal(it.homePulls, more.nodes === 1 ? 0 : more.nodes)
    // Of more than 17 nodes a sample is asked for a home that nobody has yet.
    t.ok((it.claims.get('unknown') ?? 0) <= (more.nodes > 17 ? 8 : 0), name)
    t.equal(it.abandoned.size, 0, name)
    t.ok(more.interval !== undefined || it.requestsANodeAnHour < 1.2, name)
    t.ok(it.originLegs <= 24 * 8, name)
    // Where each node begins to keep its home, its neighbour may be the first to look for it.
    t.ok(it.peerLegs.measured - it.peerLegs.given <= 8, name)
  }
})

t.test('whatever goes wrong, no pull is said to be what it was not', async (t) => {
  const rough: Partial<SimulationOptions> = {
    skew: 30_000,
    crashes: 1,
    spegelCrashes: 0.5,
    firstCrashes: 4,
    churn: 0.5,
  }
  const cases: readonly (readonly [string, Partial<SimulationOptions> & { nodes: number }])[] = [
    ['three nodes', { nodes: 3, ...rough, loss: 0.02 }],
    ['three nodes, two targets', { nodes: 3, ...rough, targets: 2, loss: 0.2 }],
    ['twenty nodes', { nodes: 20, slots: 12, ...rough, loss: 0.02 }],
    ['twenty nodes, two targets', { nodes: 20, slots: 12, ...rough, targets: 2, loss: 0.2 }],
    ['clocks far off', { nodes: 8, skew: HOUR / 2 }],
    ['slots of ten seconds, clocks off by more', { nodes: 5, interval: 10_000, skew: 15_000, loss: 0.1 }],
    ['peers that never give', { nodes: 5, loss: 1 }],
  ]
  for (const [name, more] of cases) {
    for (const seed of [1, 2]) {
      const it = await simulate({ ...DAY, seed, ...more })
      t.same(it.wrong, [], `${name}, seed ${seed}`)
      t.ok(it.pulls > 0)
    }
  }
})

t.test('a first that crashes is followed by another one', async (t) => {
  const it = await simulate({ ...DAY, nodes: 9, firstCrashes: 2 })
  t.same(it.wrong, [])
  t.equal(it.firstsASlot.get(0) ?? 0, 0, 'in each slot somebody pulls from the origin')
  t.ok([...it.firstsASlot.keys()].every((firsts) => firsts <= 2))
  t.ok(it.originPulls.every((pulls) => pulls <= 2))
})

t.test('while no API server answers the nodes go on as they were; later each goes on alone', async (t) => {
  const short = await simulate({ ...DAY, nodes: 5, apiAway: [6, 9] })
  t.equal(short.alone, 0)
  t.same([...short.firstsASlot], [[1, 24]])
  const long = await simulate({ ...DAY, nodes: 5, apiAway: [6, 20] })
  t.same(long.wrong, [])
  t.ok(long.alone > 0, 'after three slots they no longer believe what they knew')
  t.equal(long.alone % 5, 0)
})

t.test('the same seed gives the same day', async (t) => {
  const options = { ...DAY, seed: 7, nodes: 6, skew: 30_000, crashes: 1, churn: 1, loss: 0.05 }
  t.same(await simulate(options), await simulate(options))
})
