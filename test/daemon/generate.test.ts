import fc from 'fast-check'
import t from 'tap'
import { parseVersion } from '../../src/version.ts'
import { daemonConfiguration, rootsOf } from './daemon-configuration.ts'
import { Coverage } from './generate/coverage.ts'
import { pullCase } from './generate/pull-cases.ts'
import { makeImage } from './image.ts'
import { KEY_PAIRS } from './key-pairs-fixture.ts'
import { pathOfCase, predict } from './predict.ts'

/** As many as CI runs on each profile. */
const CASES = 600
/** Of these, how many a feature is to decide something in. They are the same ones each time. */
const AT_LEAST = 3
const DIRECTORY = '/run/daemon'

for (const [text, profile] of [
  ['2.1.9+unknown', 'talos'],
  ['2.1.9+unknown', 'default'],
  ['1.7.24~ds1', 'talos'],
] as const) {
  t.test(`the generated cases cover every feature: containerd ${text}, ${profile} configuration`, async (t) => {
    const version = parseVersion(text)
    if (version === null) throw new TypeError(text)
    const coverage = new Coverage()
    for (const pull of fc.sample(pullCase, { seed: 1, numRuns: CASES })) {
      const { reading } = daemonConfiguration(DIRECTORY, { version, profile, settings: pull.settings })
      const daemon = { version, reading, roots: rootsOf(DIRECTORY) }
      const image = makeImage('library/case', pull)
      const read = pathOfCase(pull, image, daemon, KEY_PAIRS)
      const { requests } = predict(pull, image, daemon, KEY_PAIRS)
      if (read !== null) coverage.add({ pull, ...read, requests })
    }
    for (const [feature, cases] of coverage.counts) t.ok(cases >= AT_LEAST, `${feature}: ${cases} cases`)
  })
}
