import t from 'tap'
import { mirrorsCondition } from '../../src/drift/mirrors-condition.ts'
import type { InputReport } from '../../src/drift/report.ts'
import { finding, registry, report } from '../render/sample-report.ts'

const down = (input: InputReport['input']): InputReport => ({ input, up: false, message: 'EACCES' })
const drift = finding()
const critical = finding({
  reason: 'mirror-missing',
  severity: 'critical',
  registry: 'docker.io',
  summary: 'No mirror',
})
const unseen = [registry('docker.io', { inSync: null })]

for (const [what, facts, expected] of [
  ['all as declared', {}, { status: 'False', reason: 'RegistryMirrorsAsDeclared' }],
  [
    'a drift',
    { findings: [drift] },
    { status: 'True', reason: 'PeerMirrorMissing', message: /^192\.168\.1\.106: No peer/ },
  ],
  [
    'the worst of several',
    { findings: [drift, critical] },
    { status: 'True', reason: 'MirrorMissing', message: 'docker.io: No mirror (and 1 more)' },
  ],
  ['a drift beside what cannot be seen', { findings: [drift], inputs: [down('hosts')] }, { status: 'True' }],
  [
    'what is wrong with Git: no word of whether the mirrors are seen',
    { findings: [finding({ kind: 'conflict' })] },
    { status: 'False', message: 'containerd asks as Git declares' },
  ],
  ['an endpoint that is down', { findings: [finding({ kind: 'fault' })] }, { status: 'False' }],
  [
    'a registry that could not be seen',
    { registries: unseen, inputs: [down('hosts')] },
    { status: 'Unknown', reason: 'RegistryMirrorsNotSeen', message: 'the agent cannot see docker.io, hosts' },
  ],
  ['an intent that could not be read', { inputs: [down('intent_talos')] }, { status: 'Unknown' }],
  ['Spegel that does not answer', { inputs: [down('spegel')] }, { status: 'False' }],
  [
    'a registry that nobody declared',
    { registries: [registry('x', { declaredBy: [], inSync: null })] },
    { status: 'False' },
  ],
] as const) {
  t.test(what, async (t) =>
    t.match(mirrorsCondition(report({ findings: [], inputs: [], ...facts } as never)), expected),
  )
}

t.test('its message is short', async (t) => {
  const { message } = mirrorsCondition(report({ findings: [finding({ summary: 'ä'.repeat(900) }), critical, drift] }))
  t.ok(Buffer.byteLength(message) <= 512)
  const two = [finding({ summary: 'ä'.repeat(900), severity: 'critical' }), drift]
  t.match(mirrorsCondition(report({ findings: two })).message, /… \(and 1 more\)$/)
})
