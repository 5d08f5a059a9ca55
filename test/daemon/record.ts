/**
 * Writes down what real daemons do in the known cases, into their fixtures:
 *
 *   node test/daemon/record.ts [NAME...]
 *
 * Without a name: all of them. What was recorded of daemons that are not here stays. A new case is a file test/fixtures/daemon/NAME.json with `about`, `case` and
 * `"seen": []`; the report of a mismatch ends with its `case`. Says where the prediction is another one.
 */
import { isDeepStrictEqual } from 'node:util'
import { type KnownCase, knownCases, type Recording, writeKnownCase } from './known-cases.ts'
import { nameOf, testedProfiles, withDaemon } from './profiles.ts'
import { missingTools } from './tools.ts'

const missing = missingTools()
if (missing !== null) throw new Error(missing)
const names = process.argv.slice(2)
const chosen = knownCases().filter(({ name }) => names.length === 0 || names.includes(name))
const profiles = testedProfiles()
const recordings = new Map<string, Recording[]>(chosen.map(({ name, seen }) => [name, seen.flatMap(ofOthers)]))

for (const tested of profiles) {
  const on = nameOf(tested)
  await withDaemon(tested, async (daemon) => {
    for (const known of chosen) {
      const { predicted, seen } = await daemon.compare(known.case)
      const all = recordings.get(known.name) ?? []
      const same = all.find(({ did }) => isDeepStrictEqual(did, seen))
      if (same === undefined) all.push({ on: [on], did: seen })
      else same.on = [...same.on, on]
      if (isDeepStrictEqual(predicted, seen)) continue
      console.error(`${known.name}, ${on}: predicted`, predicted, 'seen', seen)
      process.exitCode = 1
    }
  })
}
for (const known of chosen) writeKnownCase({ ...known, seen: recordings.get(known.name) ?? [] } satisfies KnownCase)

/** A recording without the daemons that run now. */
function ofOthers({ on, did }: Recording): Recording[] {
  const others = on.filter((it) => !profiles.some((tested) => nameOf(tested) === it))
  return others.length === 0 ? [] : [{ on: others, did }]
}
