import { DIFFERS, type WitnessComparison } from '../containerd/witness-comparison.ts'
import { bracketed } from '../format/ip-address.ts'
import type { NodeFacts } from './facts.ts'
import type { FindingDraft } from './finding.ts'
import { shellWord } from './remedy.ts'

/**
 * containerd asked other endpoints than the rules predict: a fault of ours. null: it did as predicted, or what it did
 * proves nothing.
 */
export function witnessDisagrees(comparison: WitnessComparison, node: NodeFacts): FindingDraft | null {
  if (comparison.agrees !== false) return null
  const { reference, registry, hostsDir, containerd, requests, at, file } = comparison
  const differing = requests.filter((it) => DIFFERS.has(it.verdict)).length
  const judged = requests.filter((it) => it.verdict !== 'aside')
  const pod = `"$(kubectl -n kube-system get pods -l app.kubernetes.io/name=pullpath --field-selector spec.nodeName=${shellWord(node.name)} -o name)"`
  const host = bracketed(node.ip)
  const readFile = file ?? `${hostsDir}/${registry}/hosts.toml`
  return {
    kind: 'fault',
    reason: 'witness-disagrees',
    registry,
    summary: `containerd asked other endpoints for ${reference} than Pullpath predicts: what it says of ${registry} on this node may be wrong`,
    expected: judged.flatMap((it) => it.predicted ?? []),
    observed: judged.flatMap((it) => it.witnessed ?? []),
    cause: {
      actor: 'unknown',
      text: `the agent sees another tree at ${hostsDir} than containerd does, or its rules for containerd ${containerd} are wrong`,
      confidence: 'likely',
    },
    evidence: [
      {
        text: `${differing} of ${judged.length} requests differ from the prediction for ${reference}`,
        source: `containerd ${containerd}, transfer service, host_dir ${hostsDir}`,
        time: at,
      },
    ],
    remedy: [
      {
        command: `talosctl -n ${node.ip} read ${shellWord(readFile)}`,
        why: 'shows what containerd reads; compare it with the next one, and if they differ mend the mount of the agent',
      },
      {
        command: `curl -s ${shellWord(`http://${host}:9478/api/v1/registries/${encodeURIComponent(registry)}`)}`,
        why: 'shows what the agent sees: observed.file and observed.endpoints',
      },
      {
        command: `kubectl -n kube-system exec ${pod} -- node /usr/lib/pullpath/pullpath.cjs explain ${shellWord(reference)} --witness`,
        why: 'repeats the proof, with prediction and requests side by side; where the files are equal, report it with this',
      },
    ],
  }
}
