import t from 'tap'
import { exitCodeOf } from '../../src/commands/exit-code.ts'
import { finding } from '../render/sample-report.ts'

t.test('the exit code follows what a problem detector may conclude', async (t) => {
  const up = { input: 'hosts', up: true, message: '' } as const
  const down = { input: 'hosts', up: false, message: 'EACCES' } as const
  const drift = finding()
  const note = finding({ severity: 'info' })
  const unreadable = finding({ kind: 'fault', reason: 'unreadable' })
  const cases: [string, number, Parameters<typeof exitCodeOf>[0]][] = [
    ['nothing found', 0, { findings: [], inputs: [up] }],
    ['notes do not count', 0, { findings: [note], inputs: [up] }],
    ['a drift', 1, { findings: [note, drift], inputs: [up] }],
    ['a drift counts even where something could not be read', 1, { findings: [unreadable, drift], inputs: [down] }],
    ['something could not be read', 2, { findings: [unreadable], inputs: [up] }],
    ['an input is down', 2, { findings: [note], inputs: [up, down] }],
  ]
  for (const [name, code, report] of cases) t.equal(exitCodeOf(report), code, name)
})
