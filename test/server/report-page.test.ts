import t from 'tap'
import { reportPage } from '../../src/server/report-page.ts'
import { finding, ORIGIN, PEER, registry, report } from '../render/sample-report.ts'

t.test('a node where all is well', async (t) => {
  const page = reportPage(report())
  t.match(page, '<p>Nothing found.</p>')
  t.match(page, '<td>192.168.1.106<td>yes<td>yes<td>talos, spegel<td>')
  t.match(page, `${PEER.url} <small>peer</small><br>${ORIGIN.url} <small>origin</small>`)
  t.notMatch(page, 'Could not be read')
})

t.test('an input that is down: nothing is called fine', async (t) => {
  const page = reportPage(report({ inputs: [{ input: 'hosts', up: false, message: 'permission denied' }] }))
  t.match(page, '<p>Nothing found in what could be read.</p>')
  t.match(page, '<h3>Could not be read</h3>\n<ul><li>hosts: permission denied</ul>')
})

t.test('a registry is shown as what is known of it', async (t) => {
  const error = { code: 'NOT_A_DIRECTORY', message: 'not a directory', source: null } as const
  const path = { directory: null, file: null, endpoints: [], notes: [], error: null }
  const cases = [
    { registry: 'failing.lan', facts: { effective: false, observed: { ...path, error } }, row: 'not a directory' },
    {
      registry: 'unseen.lan',
      facts: { effective: null, inSync: null, observed: null },
      row: '<td>unknown<td>unknown<td>',
    },
    { registry: 'stray.lan', facts: { declaredBy: [] }, row: '<td>nobody<td>' },
    { registry: 'wrong.lan', facts: { effective: false, inSync: false }, row: '<td><b>no</b><td><b>no</b><td>' },
  ]
  const page = reportPage(report({ registries: cases.map((it) => registry(it.registry, it.facts)) }))
  for (const { registry, row } of cases) {
    const line = page.split('\n').find((it) => it.startsWith(`<tr><td>${registry}<td>`)) ?? ''
    t.match(line, row, registry)
  }
})

t.test('a finding of the node stands under its name', async (t) => {
  const page = reportPage(report({ findings: [finding({ reason: 'layers-discarded', level: 'node', registry: '' })] }))
  t.match(page, '<h3>node: layers-discarded <small>drift, warning</small></h3>')
})
