import { type DaemonFacts, evaluate, type NodeFacts } from '../drift/evaluate.ts'
import type { NodeReport } from '../drift/report.ts'
import { type ExpectedTree, expectedTree } from '../hosts/expected-tree.ts'
import { viewOf } from '../hosts/file-view.ts'
import type { Intent } from '../intent/intent.ts'

/**
 * What Git alone decides: the report for a node on which Talos and then Spegel wrote exactly what was declared. What is
 * left to find are conflicts, since such a node cannot drift.
 */
export function evaluateIntent(
  intent: Intent,
  daemon: DaemonFacts,
  node: NodeFacts,
): { report: NodeReport; expected: ExpectedTree } {
  const { hostsDir } = daemon
  const expected = expectedTree(intent, { ip: node.ip, hostsDir, imageCache: node.imageCache === 'on' })
  const observed = { hosts: expected.tree, view: viewOf(new Map([[hostsDir, expected.tree]])) }
  const inputs = node.inputs.filter((it) => it.input === 'intent_talos' || it.input === 'intent_spegel')
  const report = evaluate(intent, observed, daemon, { ...node, inputs })
  const kept = report.findings.filter((it) => it.kind === 'conflict' || it.reason === 'unreadable')
  return { report: { ...report, findings: kept }, expected }
}
