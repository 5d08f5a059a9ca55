/**
 * A day of canary slots in clusters of 3, 100 and 1,000 nodes, on virtual time: the product's own ring, slots, members
 * and classification, on a model of Spegel and of an origin with 100 Mbit/s. What is counted is what the origin and the
 * API server are asked for, how many pull first in a slot, and whether any pull was said to be what it was not.
 *
 *   calm: nothing goes wrong but that clocks are off by up to 30 s
 *   rough: in each slot one machine of a hundred (at least one in three slots) crashes, as many Spegels alone, and half
 *          as many nodes are replaced; in every fourth slot the first crashes within its pull; one lookup in a thousand
 *          fails
 */
import { type SimulationFigures, simulate } from '../test/simulation/slot-simulation.ts'
import { percentile, verdict } from './statistics.ts'

const HOUR = 3_600_000
const SIZES = process.argv.slice(2).map(Number)

for (const nodes of SIZES.length > 0 ? SIZES : [3, 100, 1000]) {
  const crashes = Math.max(nodes / 100, 1 / 3)
  const day = { seed: 20261126, nodes, slots: 24, interval: HOUR, skew: 30_000 }
  show(`${nodes} nodes, calm`, await simulate(day))
  const rough = { crashes, spegelCrashes: crashes, churn: crashes / 2, firstCrashes: 4, loss: 0.001 }
  show(`${nodes} nodes, rough`, await simulate({ ...day, ...rough }))
}

function show(name: string, it: SimulationFigures): void {
  const firsts = [...it.firstsASlot].sort(([a], [b]) => a - b).map(([count, slots]) => `${slots} with ${count}`)
  const claims = [...it.claims].map(([source, count]) => `${source} ${count}`)
  const abandoned = [...it.abandoned].map(([why, count]) => `${why} ${count}`)
  const { originPulls: pulls, peerLegs } = it
  console.log(`--- ${name}`)
  console.log(`slots: first pulls: ${firsts.join(', ')}`)
  console.log(
    `origin pulls a slot: p50 ${percentile(pulls, 50)}, most ${Math.max(...pulls)}; legs ${it.originLegs / 24}`,
  )
  console.log(`pulls: ${it.pulls}, of homes ${it.homePulls}; ${claims.join(', ')}; alone ${it.alone}`)
  console.log(`turns left out: ${abandoned.join(', ') || 'none'}`)
  console.log(`peer legs: ${peerLegs.given} of ${peerLegs.measured} given by a peer`)
  console.log(`at once at most: ${it.mostPulls} pulls; ${it.mostAtOrigin} transfers from the origin`)
  console.log(verdict(`0 pulls said to be what they were not: ${it.wrong.length}`, it.wrong.length === 0))
  const requests = it.requestsANodeAnHour
  console.log(verdict(`at most 2 requests to the API a node an hour: ${requests.toFixed(2)}`, requests <= 2))
}
