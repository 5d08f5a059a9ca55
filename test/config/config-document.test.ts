import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { configDocument } from '../../src/config/config-document.ts'

const FILE = new URL('../../docs/configuration.md', import.meta.url)

t.test('docs/configuration.md says what the schema says', async (t) => {
  if (t.writeSnapshot) writeFileSync(FILE, configDocument())
  t.equal(readFileSync(FILE, 'utf8'), configDocument(), 'run this test with --snapshot to write it anew')
})
