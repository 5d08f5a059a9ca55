import fc from 'fast-check'
import t from 'tap'
import { renderBriefLine } from '../../src/render/brief-line.ts'
import { finding, registry, report } from './sample-report.ts'

t.test('one line for what matters most', async (t) => {
  const down = { input: 'hosts', up: false, message: 'EACCES' } as const
  const info = finding({ severity: 'info', reason: 'peers-never-serve' })
  const critical = finding({ severity: 'critical', reason: 'plain-http-lost' })
  const cases: [string, Parameters<typeof report>[0]][] = [
    ['ok: 1 declared registry is as Git asks', {}],
    ['ok: 2 declared registries are as Git asks', { registries: [registry('a'), registry('b')] }],
    ['ok: 1 declared registry is as Git asks', { findings: [info] }],
    ['warning: peer-mirror-missing 192.168.1.106', { findings: [finding()] }],
    ['critical: plain-http-lost 192.168.1.106 and 1 more', { findings: [finding(), critical] }],
    ['warning: layers-discarded node', { findings: [finding({ reason: 'layers-discarded', level: 'node' })] }],
    ['unknown: cannot read hosts', { inputs: [down] }],
    ['warning: peer-mirror-missing 192.168.1.106', { inputs: [down], findings: [finding()] }],
  ]
  for (const [line, facts] of cases) t.equal(renderBriefLine(report(facts)), line)
  t.equal(
    renderBriefLine(report(), 'intent'),
    'ok: what Git declares can work for 1 registry',
    'no node was looked at: nothing is said of one',
  )
})

t.test('never more than 80 characters', async () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), fc.integer({ min: 1, max: 2000 }), (name, count) => {
      const findings = Array.from({ length: count }, () => finding({ registry: name, reason: 'registry-not-mirrored' }))
      return renderBriefLine(report({ findings })).length <= 80
    }),
    { numRuns: 50 },
  )
})
