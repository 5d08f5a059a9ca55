import t from 'tap'
import type { ComparedRequest, WitnessComparison } from '../../src/containerd/witness-comparison.ts'
import { makeFinding } from '../../src/drift/finding.ts'
import { REASONS } from '../../src/drift/reasons.ts'
import { witnessDisagrees } from '../../src/drift/witness-findings.ts'
import { nodeFacts } from '../fixtures/intents.ts'

const AT = '2026-11-25T12:00:00.000Z'
const NODE = nodeFacts({ name: 'worker-1', ip: '192.168.1.98' })

function row(predicted: string | null, witnessed: string | null, verdict: ComparedRequest['verdict']): ComparedRequest {
  return { object: 'v1', predicted, witnessed, verdict, status: 404, milliseconds: 1 }
}

function comparison(facts: Partial<WitnessComparison> = {}): WitnessComparison {
  return {
    reference: '192.168.1.106/library/proof:v1',
    registry: '192.168.1.106',
    hostsDir: '/etc/cri/conf.d/hosts',
    file: '/etc/cri/conf.d/hosts/192.168.1.106/hosts.toml',
    containerd: '2.1.9',
    at: AT,
    requests: [
      row('HEAD http://192.168.1.98:29999/v2/library/proof/manifests/v1', null, 'missing'),
      row(
        'HEAD http://192.168.1.106/v2/library/proof/manifests/v1',
        'HEAD 192.168.1.106/v2/library/proof/manifests/v1',
        'same',
      ),
      row(null, 'GET 192.168.1.106/service/token', 'aside'),
    ],
    agrees: false,
    unjudged: [],
    cutShort: null,
    error: null,
    ...facts,
  }
}

t.test('a witness that disagrees is a fault of ours, with both lists and what to run', async (t) => {
  const draft = witnessDisagrees(comparison(), NODE)
  if (draft === null) return t.fail('there is no finding')
  const finding = makeFinding(draft, AT)
  t.match(finding, {
    id: '192.168.1.106/witness-disagrees',
    kind: 'fault',
    severity: 'warning',
    level: 'registry',
    registry: '192.168.1.106',
    since: AT,
    cause: { confidence: 'likely', text: /another tree at \/etc\/cri\/conf\.d\/hosts.*rules for containerd 2\.1\.9/ },
    evidence: [{ text: /^1 of 2 requests differ/, time: AT }],
  })
  t.ok(REASONS['witness-disagrees'].kinds.some((it) => it === finding.kind))
  t.strictSame(
    finding.expected,
    comparison().requests.flatMap((it) => it.predicted ?? []),
  )
  t.strictSame(finding.observed, ['HEAD 192.168.1.106/v2/library/proof/manifests/v1'], 'without the token')
  t.strictSame(
    finding.remedy.map((it) => it.command),
    [
      'talosctl -n 192.168.1.98 read /etc/cri/conf.d/hosts/192.168.1.106/hosts.toml',
      'curl -s http://192.168.1.98:9478/api/v1/registries/192.168.1.106',
      'kubectl -n kube-system exec "$(kubectl -n kube-system get pods -l app.kubernetes.io/name=pullpath --field-selector spec.nodeName=worker-1 -o name)" -- node /usr/lib/pullpath/pullpath.cjs explain 192.168.1.106/library/proof:v1 --witness',
    ],
  )
})

t.test('the file that containerd would read is named where Pullpath sees none; an IPv6 address is one', async (t) => {
  const draft = witnessDisagrees(comparison({ file: null }), nodeFacts({ ip: 'fd00::2' }))
  t.match(draft?.remedy, [
    { command: 'talosctl -n fd00::2 read /etc/cri/conf.d/hosts/192.168.1.106/hosts.toml' },
    { command: "curl -s 'http://[fd00::2]:9478/api/v1/registries/192.168.1.106'" },
  ])
})

t.test('what agrees, or could not be judged, is no finding', async (t) => {
  for (const agrees of [true, null]) t.equal(witnessDisagrees(comparison({ agrees }), NODE), null)
})
