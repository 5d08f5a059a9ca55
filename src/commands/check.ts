import { resolve } from 'node:path'
import { evaluate } from '../drift/evaluate.ts'
import type { NodeReport } from '../drift/report.ts'
import { type VerificationStep, verificationSteps } from '../drift/verification.ts'
import { renderBriefLine } from '../render/brief-line.ts'
import { type ReportSubject, renderReportText } from '../render/report-text.ts'
import { renderVerification } from '../render/verification-text.ts'
import type { Inputs } from '../watch/inputs.ts'
import { readInputs } from '../watch/read-inputs.ts'
import type { Command } from './command.ts'
import { exitCodeOf } from './exit-code.ts'
import { usage } from './parse-arguments.ts'
import { probeNode } from './probe-node.ts'
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
    probe: { summary: 'ask the endpoints from this node, and walk the verification step by step' },
    json: { summary: 'print the whole report as JSON' },
    brief: { summary: 'print one line of at most 80 characters' },
  },
  description: `With --probe this node asks the private endpoints of the declared pull paths, Harbor and its own Spegel, and has
containerd pull the canary if containerd.socket is configured; nothing else is sent to anybody. A step that cannot be
walked says why, and counts neither as passed nor as failed.

exit codes:
  0  nothing found
  1  a drift, a conflict or a fault; with --probe: or a step that failed
  2  nothing found, but something could not be read; or wrong usage; or --probe was interrupted

examples:
  pullpath check --talos machine-registries.yaml --spegel helmrelease.yaml --node-ip 192.168.1.98
  pullpath check --intent-only --talos patches/*.yaml --spegel helmrelease.yaml   in CI, before the merge
  pullpath check --probe --config /etc/pullpath/config.yaml                       in an agent's pod`,

  async run(context, given) {
    if (given.has('json') && given.has('brief')) throw usage(check, '--json and --brief exclude each other')
    const intentOnly = given.has('intent-only')
    const wantsProbe = given.has('probe')
    if (wantsProbe && intentOnly) throw usage(check, '--probe and --intent-only exclude each other')
    const settings = settingsOf(check, given, context, { intent: true, nodeIp: !intentOnly })
    const inputs = await inputsFor(settings, intentOnly ? null : given.text('hosts-dir'))
    const asked = wantsProbe ? await probeNode(context, settings.config, inputs) : inputs
    if (asked === null) {
      context.writeError('pullpath: interrupted: not everything was asked, so nothing is reported\n')
      return 2
    }
    const report = withAssumptions(reportOf(asked, intentOnly), settings)
    const steps = wantsProbe ? verificationSteps(report, { socket: settings.config.containerd.socket !== null }) : null
    const failed = steps?.find((it) => it.result === 'failed') ?? null
    const subject = intentOnly ? 'intent' : 'node'
    if (given.has('json')) context.write(`${JSON.stringify(steps === null ? report : { ...report, steps }, null, 2)}\n`)
    else if (given.has('brief')) context.write(`${briefLine(report, subject, failed)}\n`)
    else {
      context.write(renderReportText(report, context, subject))
      if (steps !== null) context.write(`\n${renderVerification(steps, context)}`)
    }
    return failed === null ? exitCodeOf(report) : 1
  },
}

/** A step may fail where no finding says so: Harbor may call a component ill whose work is not asked for. */
function briefLine(report: NodeReport, subject: ReportSubject, failed: VerificationStep | null): string {
  const isFound = report.findings.some((it) => it.severity !== 'info')
  return isFound || failed === null ? renderBriefLine(report, subject) : `warning: failed: ${failed.step}`
}

async function inputsFor({ config }: Settings, hostsDir: string | null): Promise<Inputs> {
  const inputs = await readInputs(config)
  return hostsDir === null ? inputs : withTreeFrom(resolve(hostsDir), inputs.daemon.hostsDir, inputs)
}

function reportOf({ intent, observed, daemon, node }: Inputs, intentOnly: boolean): NodeReport {
  return intentOnly ? reportOfIntent(intent, daemon, node).report : evaluate(intent, observed, daemon, node)
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
