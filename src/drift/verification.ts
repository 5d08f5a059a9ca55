import { type EndpointProbe, type HarborHealth, PROBE_STEPS, type ProbeStep, type SpegelTraffic } from './probes.ts'
import { shellWord } from './remedy.ts'
import type { NodeReport, RegistryReport, Remedy } from './report.ts'

/** One step of the verification of a node, as operators walk it by hand. */
export interface VerificationStep {
  step: VerificationName
  /** What was looked at: a URL, a registry, an image. */
  subject: string
  /** `skipped`: it could not be walked, which proves nothing. */
  result: 'passed' | 'failed' | 'skipped'
  /** Seconds; null: nothing was waited for. */
  duration: number | null
  /** What was found, or why it was skipped. */
  text: string
  /** What to run where it failed. */
  remedy: Remedy[]
}

export const VERIFICATION_STEPS = [
  'origin answers',
  'Harbor healthy',
  'realm sane',
  'anonymous manifest',
  'anonymous blob',
  'mirror effective',
  'Spegel listed',
  'Spegel ready',
  'Spegel answers',
  'containerd pulls',
] as const
export type VerificationName = (typeof VERIFICATION_STEPS)[number]

const NAMES: Readonly<Record<ProbeStep['step'], VerificationName>> = {
  ping: 'origin answers',
  realm: 'realm sane',
  manifest: 'anonymous manifest',
  blob: 'anonymous blob',
}

/** Walks a report that was just made with probes and, where there is a socket, a proof. In the order of the names. */
export function verificationSteps(report: NodeReport, configured: { socket: boolean }): VerificationStep[] {
  const { endpoints, harbor, spegel } = report.probes
  const origins = endpoints.filter((it) => it.role !== 'peer')
  const peers = endpoints.filter((it) => it.role === 'peer')
  const declared = report.registries.filter((it) => it.declaredBy.length > 0)
  const steps = [
    ...(origins.length === 0 ? [skipped('origin answers', '', NO_ORIGIN)] : []),
    ...origins.flatMap((it) => PROBE_STEPS.map((step) => originStep(it, step, report))),
    harborStep(harbor),
    ...declared.map((it) => effectiveStep(it, report)),
    ...declared.filter((it) => it.declaredBy.includes('talos')).map((it) => listedStep(it, report)),
    spegelStep(spegel, report),
    ...peers.map((it) => ({ ...originStep(it, 'ping', report), step: 'Spegel answers' as const })),
    ...proofSteps(report, configured.socket),
  ]
  return steps.toSorted((a, b) => VERIFICATION_STEPS.indexOf(a.step) - VERIFICATION_STEPS.indexOf(b.step))
}

const NO_ORIGIN = 'no endpoint on the declared pull paths is private; probe.public has public ones asked too'

function skipped(step: VerificationName, subject: string, text: string): VerificationStep {
  return { step, subject, result: 'skipped', duration: null, text, remedy: [] }
}

function originStep(
  { url, steps, failure, registries }: EndpointProbe,
  name: ProbeStep['step'],
  report: NodeReport,
): VerificationStep {
  const walked = steps.find((it) => it.step === name)
  if (walked === undefined) return skipped(NAMES[name], url, `not reached: ${failure?.step ?? 'a step before'} failed`)
  const { result, duration, words } = walked
  const finding = report.findings.find((it) => it.reason === failure?.reason && registries.includes(it.registry))
  return {
    step: NAMES[name],
    subject: url,
    result,
    duration,
    text: words,
    remedy: result === 'failed' ? (finding?.remedy ?? []) : [],
  }
}

function harborStep(harbor: HarborHealth | null): VerificationStep {
  const step = 'Harbor healthy'
  if (harbor === null) return skipped(step, '', 'harbor.url is not set, or no pull path leads to it')
  const { url, components, words, duration } = harbor
  const sick = components.filter((it) => !it.healthy)
  if (components.length > 0 && sick.length === 0) {
    return { step, subject: url, result: 'passed', duration, text: `${components.length} components`, remedy: [] }
  }
  const text = sick.length === 0 ? words : sick.map((it) => `${it.name}: ${it.words}`).join(', ')
  const shown = { command: 'kubectl get pods -A -l app=harbor -o wide', why: 'shows which pod of Harbor does not run' }
  // It answered, and not as Harbor does: its pods are not where to look first.
  const asked = {
    command: `curl -i ${shellWord(`${url.replace(/\/+$/, '')}/api/v2.0/health`)}`,
    why: 'shows what answers there: harbor.url must be the base URL of a Harbor, or null where there is none',
  }
  const remedy = sick.length > 0 ? [shown] : [asked, shown]
  return { step, subject: url, result: 'failed', duration, text, remedy }
}

function effectiveStep({ registry, effective, observed }: RegistryReport, report: NodeReport): VerificationStep {
  const step = 'mirror effective'
  if (effective === null) return skipped(step, registry, 'it could not be seen')
  const asked = observed?.endpoints.map((it) => it.url).join(', ') ?? ''
  const remedy = effective ? [] : remedyOf(report, registry)
  const text = asked === '' ? 'containerd asks nobody' : `containerd asks ${asked}`
  return { step, subject: registry, result: effective ? 'passed' : 'failed', duration: null, text, remedy }
}

function listedStep({ registry, intent }: RegistryReport, report: NodeReport): VerificationStep {
  const step = 'Spegel listed'
  if (report.spegel === null) return skipped(step, registry, "Spegel's settings are not configured")
  const unlisted = report.findings.find((it) => it.registry === registry && it.reason === 'registry-not-mirrored')
  if (unlisted !== undefined) {
    const { summary, remedy } = unlisted
    return { step, subject: registry, result: 'failed', duration: null, text: summary, remedy }
  }
  if (intent.spegel === null) return skipped(step, registry, 'Spegel does not list it')
  const { url } = intent.spegel
  return { step, subject: registry, result: 'passed', duration: null, text: `as ${url}`, remedy: [] }
}

function spegelStep(spegel: NodeReport['probes']['spegel'], report: NodeReport): VerificationStep {
  const step = 'Spegel ready'
  if (spegel === null) return skipped(step, '', 'spegel.port is not set, and no target says where it listens')
  const { url, ready, duration, words, registries } = spegel
  if (ready === true) return { step, subject: url, result: 'passed', duration, text: readyText(registries), remedy: [] }
  if (ready === false) return skipped(step, url, `${words}: not ready, as in a cluster of one node; else a fault`)
  const command = `kubectl get pods -A -l app.kubernetes.io/name=spegel -o wide --field-selector spec.nodeName=${report.node.name}`
  const remedy = [{ command, why: 'shows whether Spegel runs on this node' }]
  return { step, subject: url, result: 'failed', duration, text: words, remedy }
}

/** What it advertises is what other nodes can have from this one. */
function readyText(registries: readonly SpegelTraffic[] | null): string {
  const told = (registries ?? []).flatMap((it) => (it.contents === null ? [] : [`${it.contents} of ${it.registry}`]))
  const advertised = told.length === 0 ? '' : `; it advertises contents: ${told.join(', ')}`
  return `/readyz answers 200${advertised}`
}

function proofSteps({ proofs, findings }: NodeReport, hasSocket: boolean): VerificationStep[] {
  const step = 'containerd pulls'
  if (!hasSocket) return [skipped(step, '', 'containerd.socket is not configured')]
  if (proofs.length === 0) return [skipped(step, '', 'containerd does not answer, or no path leads to the canary')]
  return proofs.map(({ reference, outcome, duration, words, origin, registry }): VerificationStep => {
    const told = { step, subject: reference, duration } as const
    if (outcome === 'resolved') return { ...told, result: 'passed', text: 'pulled, and removed again', remedy: [] }
    if (outcome === 'no-canary') return skipped(step, reference, `the canary is not there: ${origin.words}`)
    if (outcome === 'unasked') return skipped(step, reference, words)
    const finding = findings.find((it) => it.registry === registry && it.reason === 'resolve-failed')
    return { ...told, result: 'failed', text: words, remedy: finding?.remedy ?? [] }
  })
}

/** Of the worst that is known of a registry, or else of the node. */
function remedyOf({ findings }: NodeReport, registry: string): Remedy[] {
  const known = findings.filter((it) => it.registry === registry || it.registry === '')
  const worst = known.find((it) => it.severity === 'critical') ?? known.find((it) => it.kind !== 'fault')
  return worst?.remedy ?? []
}
