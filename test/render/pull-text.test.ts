import t from 'tap'
import type { Pull, PullPhase } from '../../src/drift/pull.ts'
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

const [MIRROR, ORIGIN] = ['http://192.168.1.98:30020', 'http://192.168.1.106']
const LAYER = `sha256:${'b'.repeat(64)}`

/** The resolve and a layer, each asked of the mirror first, which has neither. */
function alongThePath(): PullPhase[] {
  const request = (digest: string | null, endpoint: string, start: number, bytes: number): PullPhase[] => [
    { name: 'processing', digest, endpoint, start, duration: 0.002, bytes: 0 },
    { name: 'transfer', digest, endpoint, start: start + 0.002, duration: 0.5, bytes },
  ]
  return [
    ...request(null, MIRROR, 0, 0),
    ...request(null, ORIGIN, 1, 0),
    ...request(LAYER, MIRROR, 2, 0),
    ...request(LAYER, ORIGIN, 3, 16_777_216),
  ]
}

const tableOf = (more: Partial<Pull>, width: number) =>
  renderPull({ ...PULL, evidence: [], ...more }, { ...OPTIONS, width })
    .split('\n')
    .slice(4, -1)

t.test('each phase says which endpoint it was of, in a column where there is room', async (t) => {
  t.same(tableOf({ via: 'path', phases: alongThePath() }, 100), [
    '  PHASE       OBJECT        ENDPOINT                   BEGINS AT     TAKES     BYTES        RATE',
    '  processing  tag-0         http://192.168.1.98:30020     0.0 ms    2.0 ms',
    '  transfer    tag-0         http://192.168.1.98:30020     2.0 ms  500.0 ms',
    '  processing  tag-0         http://192.168.1.106          1.00 s    2.0 ms',
    '  transfer    tag-0         http://192.168.1.106          1.00 s  500.0 ms',
    '  processing  bbbbbbbbbbbb  http://192.168.1.98:30020     2.00 s    2.0 ms',
    '  transfer    bbbbbbbbbbbb  http://192.168.1.98:30020     2.00 s  500.0 ms',
    '  processing  bbbbbbbbbbbb  http://192.168.1.106          3.00 s    2.0 ms',
    '  transfer    bbbbbbbbbbbb  http://192.168.1.106          3.00 s  500.0 ms  16.78 MB  33.55 MB/s',
  ])
})

t.test('on a narrow terminal a line says it wherever another endpoint is asked', async (t) => {
  const lines = tableOf({ via: 'path', phases: alongThePath() }, 80)
  t.same(lines, [
    '    PHASE       OBJECT        BEGINS AT     TAKES     BYTES        RATE',
    '  http://192.168.1.98:30020',
    '    processing  tag-0            0.0 ms    2.0 ms',
    '    transfer    tag-0            2.0 ms  500.0 ms',
    '  http://192.168.1.106',
    '    processing  tag-0            1.00 s    2.0 ms',
    '    transfer    tag-0            1.00 s  500.0 ms',
    '  http://192.168.1.98:30020',
    '    processing  bbbbbbbbbbbb     2.00 s    2.0 ms',
    '    transfer    bbbbbbbbbbbb     2.00 s  500.0 ms',
    '  http://192.168.1.106',
    '    processing  bbbbbbbbbbbb     3.00 s    2.0 ms',
    '    transfer    bbbbbbbbbbbb     3.00 s  500.0 ms  16.78 MB  33.55 MB/s',
  ])
})

t.test('where no endpoint is seen none is spoken of', async (t) => {
  const phases = alongThePath().map((it) => ({ ...it, endpoint: null }))
  for (const width of [80, 200]) {
    const lines = tableOf({ via: 'containerd', phases }, width)
    t.equal(lines[0], '  PHASE       OBJECT        BEGINS AT     TAKES     BYTES        RATE')
    t.equal(lines.length, phases.length + 1)
  }
})

t.test('the resolve is of what was asked for', async (t) => {
  const phases = [{ name: 'resolve', digest: null, endpoint: null, start: 0, duration: 1, bytes: 0 }]
  const repository = '192.168.1.106:5000/library/app'
  for (const [via, image, object] of [
    ['path', `${repository}:v1`, 'v1'],
    ['containerd', `${repository}:v1`, 'v1'],
    ['peer', `${repository}:v1`, 'by digest'],
    ['origin', `${repository}@${LAYER}`, 'bbbbbbbbbbbb'],
    ['peer', `${repository}@${LAYER}`, 'bbbbbbbbbbbb'],
  ] as const) {
    t.match(tableOf({ via, image, phases }, 80)[1], new RegExp(`^  resolve +${object}  `), `${via} ${image}`)
  }
})
