import t from 'tap'
import type { Pull } from '../../src/drift/pull.ts'
import { renderPull } from '../../src/render/pull-text.ts'
import { PULL } from '../server/shown-node.ts'

const OPTIONS = { width: 200, colour: false }
const text = (more: Partial<Pull>) => renderPull({ ...PULL, evidence: [], ...more }, OPTIONS)

t.test('a rate is told in few digits, however slow it was', async (t) => {
  t.match(text({ bytes: 932, duration: 1.0045 }), '  932 B in 1.00 s, 928 B/s\n')
  t.match(text({ bytes: 16_781_220, duration: 1.4 }), '  16.78 MB in 1.40 s, 11.99 MB/s\n')
  t.match(text({ bytes: 0, duration: 1 }), '  0 B in 1.00 s\n')
})

t.test('a leg of the origin says nothing of what peers have', async (t) => {
  t.match(text({ via: 'origin', source: 'first', failure: null }), '  from the origin, which alone was asked\n')
  t.match(text({ via: 'path', source: 'first', failure: null }), '  from the origin: no peer had it\n')
})
