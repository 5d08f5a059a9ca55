import t from 'tap'
import { heldUntil } from '../../src/drift/hold-down.ts'

const at = (minutes: number) => Date.parse('2026-09-01T12:00:00Z') + minutes * 60_000
const iso = (minutes: number | null) => (minutes === null ? null : new Date(at(minutes)).toISOString())

for (const [what, facts, holdDown, startedAt, expected] of [
  ['after boot, whatever was seen', { boot: 0, seen: 1, now: 1 }, 2, 0.5, 2],
  ['from the start of an agent that has not seen Spegel', { boot: -600, seen: null, now: 1 }, 2, 0.5, 2.5],
  ['whichever ends later', { boot: 0, seen: null, now: 1 }, 2, 0.5, 2.5],
  ['not where Spegel was seen and the boot is long ago', { boot: -600, seen: 1, now: 1 }, 2, 0.5, -598],
  ['not from a boot that is not known', { boot: null, seen: 1, now: 1 }, 2, 0.5, null],
  ['not from a boot in the future, after a clock was set back', { boot: 90, seen: 1, now: 1 }, 2, 0.5, null],
  ['nor from a start in the future', { boot: null, seen: null, now: 1 }, 2, 60, null],
  ['not at all where it is off', { boot: 0, seen: null, now: 1 }, 0, 0.5, 0.5],
] as const) {
  t.test(`it waits ${what}`, async (t) => {
    const node = {
      bootedAt: iso(facts.boot),
      spegelLastSeenAt: iso(facts.seen),
      now: new Date(at(facts.now)).toISOString(),
    }
    t.equal(heldUntil(node, holdDown * 60_000, at(startedAt)), expected === null ? 0 : at(expected))
  })
}
