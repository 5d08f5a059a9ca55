import t from 'tap'
import { bySeverity, renderFinding } from '../../src/render/finding-text.ts'
import { finding } from './sample-report.ts'

const PLAIN = { colour: false, width: 80 }

t.test('a finding says what, why, evidence, since when, and what to run', async (t) => {
  t.equal(
    renderFinding(finding(), PLAIN),
    `WARNING  192.168.1.106  peer-mirror-missing (drift)
  Spegel's targets are absent: every pull goes to the origin
  No peer is asked for 192.168.1.106.
  difference  - expected, + on this node
              - http://192.168.1.98:29999/v2
                http://192.168.1.106/v2
              + https://192.168.1.106/v2
  why         Talos rewrote the tree. (talos, likely)
  evidence    no _backup [/etc/cri/conf.d/hosts]
              2026-09-01T12:03:11Z  mode 0600
  where       patches/registries.yaml:3:7
  since       2026-09-01T12:03:11Z
  run         kubectl -n kube-system delete pod spegel-x7k2p
              Its init container writes again.`,
  )
})

t.test('what is not known takes no line', async (t) => {
  const text = renderFinding(
    finding({
      level: 'node',
      registry: '',
      reason: 'unreadable',
      kind: 'fault',
      expected: [],
      observed: [],
      cause: { actor: 'unknown', text: '', confidence: 'unknown' },
      evidence: [],
      remedy: [],
      since: '',
      source: null,
    }),
    PLAIN,
  )
  t.match(text, /^WARNING {2}this node {2}unreadable \(fault\)\n/)
  t.match(text, /why +not known$/)
  for (const label of ['difference', 'evidence', 'since', 'where', 'run']) {
    t.notMatch(text, new RegExp(`^  ${label} `, 'm'))
  }
})

t.test('prose is wrapped to the width, a command never is', async (t) => {
  const command = `kubectl -n kube-system delete pod --field-selector spec.nodeName=${'n'.repeat(60)}`
  const text = renderFinding(finding({ summary: 'many words '.repeat(20).trim(), remedy: [{ command, why: '' }] }), {
    colour: false,
    width: 60,
  })
  t.match(text, command)
  for (const line of text.split('\n').filter((it) => !it.includes('kubectl'))) t.ok(line.length <= 60, line)
})

t.test('colours come only when asked for', async (t) => {
  const controlCharacter = String.fromCharCode(27)
  t.notMatch(renderFinding(finding(), PLAIN), controlCharacter)
  t.match(renderFinding(finding(), { colour: true, width: 80 }), controlCharacter)
})

t.test('the worst comes first, equals keep their order', async (t) => {
  const made = (['info', 'warning', 'critical', 'warning'] as const).map((severity, index) =>
    finding({ severity, id: String(index) }),
  )
  t.same(
    bySeverity(made).map((it) => it.id),
    ['2', '1', '3', '0'],
  )
})
