import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { metricsDocument } from '../../src/metrics/metrics-document.ts'

const FILE = new URL('../../docs/metrics.md', import.meta.url)

t.test('docs/metrics.md says what the catalogue says', async (t) => {
  if (t.writeSnapshot) writeFileSync(FILE, metricsDocument())
  t.equal(readFileSync(FILE, 'utf8'), metricsDocument(), 'run this test with --snapshot to write it anew')
})
