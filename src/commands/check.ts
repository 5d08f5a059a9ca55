import { resolve } from 'node:path'
import { evaluate } from '../drift/evaluate.ts'
import type { NodeReport } from '../drift/report.ts'
import { renderBriefLine } from '../render/brief-line.ts'
import { renderReportText } from '../render/report-text.ts'
import { readInputs } from '../watch/read-inputs.ts'
import type { Command } from './command.ts'
import { exitCodeOf } from './exit-code.ts'
import { usage } from './parse-arguments.ts'
import { reportOfIntent } from './report-of-intent.ts'
import { CONFIG_OPTION, INTENT_OPTIONS, NODE_OPTIONS, type Settings, settingsOf } from './settings.ts'
import { withTreeFrom } from './tree-from.ts'

export const check: Command = {
  name: 'check',
  summary: 'compares what was declared in Git with what containerd on this node will do, once',
  positionals: [],
  options: {
    ...CONFIG_OPTION,
    ...INTENT_OPTIONS,
    'hosts-dir': {
      value: 'DIR',
      summary: "read the node's hosts tree from here, a copy will do (default: /etc/cri/conf.d/hosts)",
    },
    ...NODE_OPTIONS,
    'intent-only': { summary: 'look at Git alone, with no node: can what is declared work?' },
    json: { summary: 'print the whole report as JSON' },
    brief: { summary: 'print one line of at most 80 characters' },
  },
  description: `exit codes:
  0  nothing found
  1  a drift, a conflict or a fault
  2  nothing found, but something could not be read; or wrong usage

examples:
  pullpath check --talos machine-registries.yaml --spegel helmrelease.yaml --node-ip 192.168.1.98
  pullpath check --intent-only --talos patches/*.yaml --spegel helmrelease.yaml   in CI, before the merge`,

  async run(context, given) {
    if (given.has('json') && given.has('brief')) throw usage(check, '--json and --brief exclude each other')
    const intentOnly = given.has('intent-only')
    const settings = settingsOf(check, given, context, { intent: true, nodeIp: !intentOnly })
    const found = await reportFor(settings, intentOnly, given.text('hosts-dir'))
    const report = withAssumptions(found, settings)
    const subject = intentOnly ? 'intent' : 'node'
    if (given.has('json')) context.write(`${JSON.stringify(report, null, 2)}\n`)
    else if (given.has('brief')) context.write(`${renderBriefLine(report, subject)}\n`)
    else context.write(renderReportText(report, context, subject))
    return exitCodeOf(report)
  },
}

async function reportFor({ config }: Settings, intentOnly: boolean, hostsDir: string | null): Promise<NodeReport> {
  const inputs = await readInputs(config)
  const { intent, daemon, node } = inputs
  if (intentOnly) return reportOfIntent(intent, daemon, node).report
  const seen = hostsDir === null ? inputs : withTreeFrom(resolve(hostsDir), daemon.hostsDir, inputs)
  return evaluate(intent, seen.observed, daemon, seen.node)
}

/** Says what the command line left open; a name that is not known is not shown as one. */
function withAssumptions(report: NodeReport, { nodeNameAssumed, nodeIpAssumed }: Settings): NodeReport {
  const { node, notes, findings } = report
  const isNamed = findings.some((it) => it.remedy.some(({ command }) => command.includes(node.name)))
  const added = [
    ...(nodeIpAssumed
      ? [`--node-ip was not given: ${node.ip}, an address for documentation, stands for the node's`]
      : []),
    ...(nodeNameAssumed && isNamed ? [`--node-name was not given: write the node's name for ${node.name}`] : []),
  ]
  return { ...report, node: nodeNameAssumed ? { ...node, name: node.ip } : node, notes: [...notes, ...added] }
}
