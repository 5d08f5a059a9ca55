import t from 'tap'
import { evaluate } from '../../src/drift/evaluate.ts'
import type { NodeFacts } from '../../src/drift/facts.ts'
import type { InputReport } from '../../src/drift/report.ts'
import { directoryNode } from '../../src/hosts/tree.ts'
import { cluster } from '../fixtures/cluster.ts'
import { daemonFacts, intentOf, mirror, nodeFacts, observing, talosIntent } from '../fixtures/intents.ts'

const HARBOR = '192.168.1.106'

function commands(
  inputs: readonly InputReport['input'][],
  hosts = directoryNode(),
  known: NodeFacts['cluster'] = null,
) {
  const intent = intentOf(talosIntent([mirror(HARBOR, [`http://${HARBOR}`])]), null)
  const down = inputs.map((input) => ({ input, up: false, message: 'permission denied' }))
  const node = nodeFacts({ inputs: down, cluster: known })
  const { findings } = evaluate(intent, observing(hosts), daemonFacts(), node)
  return findings.find((it) => it.reason === 'unreadable')?.remedy.map((it) => it.command)
}

const ON_DISK = /^talosctl -n 192\.168\.1\.98 ls -l -r \/etc\/cri\/conf\.d\/hosts$/
const DAEMON = /^talosctl -n 192\.168\.1\.98 service cri$/
const CONFIGURATION = /^talosctl -n 192\.168\.1\.98 ls -l -r \/etc\/cri$/
const CONFIG_MAP = /^kubectl -n kube-system describe daemonset pullpath$/

t.test('what cannot be seen is shown where it stands', async (t) => {
  t.match(commands(['hosts']), [ON_DISK])
  t.match(commands(['containerd']), [DAEMON, CONFIGURATION])
  t.match(commands(['intent_talos']), [CONFIG_MAP])
  t.match(commands(['intent_spegel']), [CONFIG_MAP])
  t.equal(commands(['intent_talos', 'intent_spegel'])?.length, 1)
  const locked = directoryNode([[HARBOR, { kind: 'unreadable', code: 'EACCES', message: 'permission denied' }]])
  t.match(commands([], locked), [ON_DISK])
})

t.test('what comes from the cluster is looked at there', async (t) => {
  const live = cluster({ intent: { source: 'daemonset kube-system/spegel', knownUntil: null } })
  t.match(commands(['intent_spegel'], directoryNode(), live), [/^kubectl -n kube-system get daemonset spegel -o yaml$/])
  const noFlux = { ...live, isFluxMissing: true }
  const resources = /^kubectl api-resources --api-group=helm\.toolkit\.fluxcd\.io$/
  t.match(commands(['intent_spegel'], directoryNode(), noFlux), [resources])
  t.equal(commands(['intent_spegel'], directoryNode(), noFlux)?.length, 1, 'no DaemonSet is at fault')
  t.match(commands(['intent_spegel'], directoryNode(), cluster({ isFluxMissing: true })), [resources])
  t.match(commands(['kube'], directoryNode(), live), [/^kubectl get --raw '\/readyz\?verbose'$/])
  t.equal(commands(['kube', 'intent_spegel'], directoryNode(), cluster())?.length, 1, 'no ConfigMap is at fault')
})
