import t from 'tap'
import { nearestName } from '../src/nearest-name.ts'

const NAMES = ['rescan', 'settle', 'holdDown']

t.test('finds the name that was meant', async (t) => {
  t.equal(nearestName('resan', NAMES), 'rescan')
  t.equal(nearestName('setlte', NAMES), 'settle')
  t.equal(nearestName('holddown', NAMES), 'holdDown')
  t.equal(nearestName('interval', NAMES), null)
  t.equal(nearestName('', NAMES), null)
})
