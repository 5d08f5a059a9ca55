import { evaluate, evaluateIntent } from '../drift/evaluate.ts'
import type { DaemonFacts, NodeFacts } from '../drift/facts.ts'
import type { NodeReport } from '../drift/report.ts'
import { type ExpectedTree, expectedTree } from '../hosts/expected-tree.ts'
import { viewOf } from '../hosts/file-view.ts'
import type { Intent } from '../intent/intent.ts'

/** The report for a node on which Talos and then Spegel wrote exactly what was declared: it can only have conflicts. */
export function reportOfIntent(
  intent: Intent,
  daemon: DaemonFacts,
  node: NodeFacts,
): { report: NodeReport; expected: ExpectedTree } {
  const { hostsDir } = daemon
  const expected = expectedTree(intent, { ip: node.ip, hostsDir, imageCache: node.imageCache === 'on' })
  const observed = { hosts: expected.tree, view: viewOf(new Map([[hostsDir, expected.tree]])) }
  const inputs = node.inputs.filter((it) => it.input === 'intent_talos' || it.input === 'intent_spegel')
  const report = evaluate(intent, observed, daemon, { ...node, inputs })
  return { report: { ...report, findings: evaluateIntent(intent, daemon, node) }, expected }
}
