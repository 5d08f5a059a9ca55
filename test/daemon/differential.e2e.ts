/**
 * What real daemons ask, against what Pullpath predicts: generated hosts trees, daemon configurations, references and
 * answers of registries, on 2.x with Talos' configuration (local pull), 2.x with its own default (transfer service)
 * and 1.7. Every daemon of PULLPATH_CONTAINERD (a `:`-list of paths) is tested in both ways too.
 *
 *   npx tap test/daemon/differential.e2e.ts
 *
 * A longer run, or one again:
 *
 *   PULLPATH_CASES=20000 PULLPATH_SEED=1 npx tap --timeout=7200 test/daemon/differential.e2e.ts
 *
 * Needs root and what `.ci/tools` unpacks. Everything happens on the loopback of a network namespace of its own.
 */
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { Comparison, DaemonUnderTest } from './daemon-under-test.ts'
import { failureReport } from './failure-report.ts'
import { Coverage } from './generate/coverage.ts'
import { pullCase } from './generate/pull-cases.ts'
import { runSettings } from './generate/seed.ts'
import { knownCases, recordedOn } from './known-cases.ts'
import { nameOf, type Profile, testedProfiles, withDaemon } from './profiles.ts'
import type { PullCase, Seen } from './pull-case.ts'
import { withRealDaemons } from './real-daemons.ts'

await withRealDaemons(t, testAll)

async function testAll(): Promise<void> {
  const { seed, cases } = runSettings()
  t.comment(`seed ${seed}: PULLPATH_SEED=${seed} PULLPATH_CASES=${cases} runs the same cases again`)
  t.setTimeout(0)
  t.jobs = 3
  await Promise.all(testedProfiles().map((it) => testProfile(it, { seed, cases })))
}

function testProfile(tested: Profile, run: { seed: number; cases: number }) {
  const { containerd, profile } = tested
  return t.test(`containerd ${containerd.version.text}, ${profile} configuration`, (t) => {
    t.setTimeout(0)
    return withDaemon(tested, async (daemon) => {
      for (const known of knownCases()) {
        const { predicted, seen } = await daemon.compare(known.case)
        t.same(predicted, seen, `${known.name}: ${known.about}`)
        const recorded = recordedOn(known, nameOf(tested))
        if (recorded !== undefined) t.same(seen, recorded, `${known.name}: as it was recorded`)
      }
      await compareGenerated(t, daemon, run)
    })
  })
}

async function compareGenerated(t: Test, daemon: DaemonUnderTest, { seed, cases }: { seed: number; cases: number }) {
  const outcomes = new Map<Seen['outcome'], number>()
  const coverage = new Coverage()
  let compared = 0
  const failures: [PullCase, Comparison][] = []
  let fault: unknown = null
  const started = performance.now()
  const details = await fc.check(
    fc.asyncProperty(pullCase, async (pull) => {
      // What the suite itself fails on is no mismatch: there is nothing to shrink.
      if (fault !== null) return true
      const comparison = await daemon.compare(pull).catch((error: unknown) => {
        fault = error
        throw error
      })
      const agrees = isDeepStrictEqual(comparison.predicted, comparison.seen)
      if (!agrees) failures.push([pull, comparison])
      else if (failures.length === 0) {
        compared += 1
        t.pass(`case ${compared}: ${comparison.seen.requests.length} requests, ${comparison.seen.outcome}`)
        outcomes.set(comparison.seen.outcome, (outcomes.get(comparison.seen.outcome) ?? 0) + 1)
        if (comparison.read !== null) coverage.add({ pull, ...comparison.read, requests: comparison.seen.requests })
      }
      return agrees
    }),
    { seed, numRuns: cases },
  )
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  t.comment(`${compared} cases in ${seconds} s: ${[...outcomes].map(([name, count]) => `${count} ${name}`).join(', ')}`)
  t.comment(`covered: ${coverage.counts.map(([name, count]) => `${name} ${count}`).join(', ')}`)
  const smallest = failures.at(-1)
  if (smallest !== undefined) {
    t.comment(failureReport(...smallest))
    t.fail(`the prediction is wrong, see above the case after ${details.numShrinks} steps of shrinking`)
  } else if (details.failed) t.fail(`seed ${seed}, no mismatch: ${fault}`)
  t.equal(compared, cases, 'every case was compared and agrees')
  for (const outcome of ['pulled', 'not-found', 'failed'] as const) t.ok(outcomes.get(outcome), `some are ${outcome}`)
}
