import t from 'tap'
import { parseVersion } from '../../src/version.ts'
import { daemonConfiguration, rootsOf } from './daemon-configuration.ts'
import { makeImage } from './image.ts'
import { KEY_PAIRS } from './key-pairs-fixture.ts'
import { knownCases } from './known-cases.ts'
import { predict } from './predict.ts'

/** No such directory is looked at: the trees are Pullpath's model of them. */
const DIRECTORY = '/run/daemon'

t.test('the prediction of each known case is what real daemons were seen to do', async (t) => {
  for (const known of knownCases()) {
    t.ok(known.seen.length > 0, `${known.name} was recorded`)
    for (const { on, did } of known.seen) {
      for (const name of on) {
        const [text = '', profile] = name.split(' ')
        const version = parseVersion(text)
        if (version === null || (profile !== 'talos' && profile !== 'default')) throw new TypeError(name)
        const { settings } = known.case
        const { reading } = daemonConfiguration(DIRECTORY, { version, profile, settings })
        const daemon = { version, reading, roots: rootsOf(DIRECTORY) }
        const predicted = predict(known.case, makeImage('library/case', known.case), daemon, KEY_PAIRS)
        t.same(predicted, did, `${known.name}, containerd ${name}: ${known.about}`)
      }
    }
  }
})
