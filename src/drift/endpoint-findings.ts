import type { DeclaredRegistry } from './declared-registries.ts'
import { endpointRemedy } from './endpoint-remedy.ts'
import type { NodeFacts } from './facts.ts'
import type { FindingDraft } from './finding.ts'
import type { ExpectedState } from './node-paths.ts'
import {
  type EndpointFailure,
  type EndpointProbe,
  type EndpointReason,
  FAILURES_THAT_COUNT,
  type FailedProbe,
  type HarborHealth,
  isFresh,
} from './probes.ts'
import type { Remedies } from './remedy.ts'
import type { Evidence } from './report.ts'

interface Context {
  node: NodeFacts
  state: ExpectedState
  remedies: Remedies
}

/**
 * What is wrong with the endpoints of one registry, as they were asked on this node: one finding a reason, with every
 * URL that has it. An endpoint that nobody declared is the fault of whoever wrote it there, which drift tells.
 */
export function endpointFindings(declared: DeclaredRegistry, context: Context): FindingDraft[] {
  const { node, state } = context
  const { registry } = declared
  const expected = new Set(state.pathOf(registry).endpoints.map((it) => it.url))
  const failed = node.probes.endpoints.filter(isFailed).filter((it) => {
    const isOfRegistry = it.registries.includes(registry) && (it.role === 'face' || expected.has(it.url))
    return isOfRegistry && isFresh(it, node.now)
  })
  const reasons = [...new Set(failed.map((it) => it.failure.reason))]
  return reasons.flatMap((reason) => {
    const ofReason = failed.filter((it) => it.failure.reason === reason)
    const [first] = ofReason
    return first === undefined ? [] : [findingOf(first, ofReason, declared, context)]
  })
}

function isFailed(probe: EndpointProbe): probe is FailedProbe {
  return probe.failure !== null && probe.failures >= FAILURES_THAT_COUNT
}

function findingOf(
  first: FailedProbe,
  all: readonly FailedProbe[],
  declared: DeclaredRegistry,
  context: Context,
): FindingDraft {
  const { reason } = first.failure
  const health = healthBeside(all, context.node)
  return {
    kind: 'fault',
    reason,
    registry: declared.registry,
    summary: `${all.map((it) => it.url).join(', ')} ${WHAT[reason](first.failure)}: ${effectOf(first)}`,
    observed: all.map((it) => `${it.url}: ${it.failure.words}`),
    cause: { actor: 'unknown', ...causeOf(first, health) },
    evidence: [...all.flatMap(evidenceOf), ...(health === null ? [] : [health.evidence])],
    remedy: endpointRemedy(first, declared, context),
  }
}

/** Follows the URL. */
const WHAT: Readonly<Record<EndpointReason, (failure: EndpointFailure) => string>> = {
  'endpoint-down': ({ status, detail }) => {
    if (status === null) return 'does not answer'
    return status < 400 ? `answers with what cannot be used (${detail})` : `answers with status ${status}`
  },
  'endpoint-tls': ({ detail }) => TLS[detail] ?? 'cannot be spoken with over TLS',
  'endpoint-auth': ({ step, names, detail }) =>
    step === 'realm' || names !== null
      ? `sends clients for a token to ${names ?? 'what is no URL'}, where this node gets none`
      : (REFUSED[detail]?.what ?? 'refuses an anonymous pull'),
  'endpoint-redirect': ({ names, step }) =>
    `redirects away${step === 'blob' ? ' for a blob' : ''}, to ${names ?? 'nowhere'}`,
  'endpoint-blob': ({ status, detail }) =>
    `serves the manifest of an image and not its blob (${status === null || status < 300 ? detail : `status ${status}`})`,
}

/** Who is refused with credentials. */
const REFUSED: Readonly<Record<string, { what: string; effect: string; cause: string }>> = {
  'credentials-refused': {
    what: 'refuses an anonymous pull, and the credentials of registryAuth.dockerConfigFile',
    effect: 'whether it serves who has better ones is not known',
    cause: 'the password is wrong or has expired, or that account may not pull there',
  },
  'header-refused': {
    what: 'refuses what hosts.toml has containerd send it as Authorization',
    effect: 'containerd brings the same along, and is refused too',
    cause: 'the header is wrong or has expired, or that account may not pull there',
  },
}

const TLS: Readonly<Record<string, string>> = {
  'tls-not-spoken': 'is asked over https and speaks plain http',
  'tls-required': 'is asked over http and wants https',
  certificate: 'has a certificate that this node does not trust',
  'not-http': 'does not speak http',
  'client-certificate': 'is to be shown a certificate whose key is another one',
}

function effectOf({ role, failure }: FailedProbe): string {
  const effect = REFUSED[failure.detail]?.effect
  if (effect !== undefined) return effect
  if (role === 'peer') return 'pulls go past the peers, to the origin'
  if (role === 'face') return 'who pulls by that name cannot'
  return 'what no peer has cannot be pulled through it'
}

function causeOf(
  { failure, url, role }: FailedProbe,
  health: { isGood: boolean } | null,
): { text: string; confidence: 'proven' | 'likely' } {
  const { reason, detail, phase, names } = failure
  const within = phase === null ? '' : ` (in the phase ${phase})`
  switch (reason) {
    case 'endpoint-down':
      return role === 'peer'
        ? { text: `Spegel does not serve at ${url} on this node: ${detail}${within}`, confidence: 'likely' }
        : { text: `${detail}${within}`, confidence: 'proven' }
    case 'endpoint-tls':
      return { text: `${detail}${within}: the scheme or the certificate is not what is declared`, confidence: 'proven' }
    case 'endpoint-auth':
      return names === null
        ? { text: REFUSED[detail]?.cause ?? 'the project is not public, or does not exist', confidence: 'likely' }
        : {
            text: `the registry's external URL (Harbor: externalURL) is not one that this node can use`,
            confidence: 'likely',
          }
    case 'endpoint-redirect':
      return { text: 'its storage, or a proxy before it, is set to redirect', confidence: 'likely' }
    case 'endpoint-blob':
      return health?.isGood === true
        ? { text: 'its storage does not give the blob, while Harbor says that all is well', confidence: 'proven' }
        : { text: 'its storage does not give the blob', confidence: 'likely' }
  }
}

function evidenceOf({ url, failure, steps, failures }: FailedProbe): Evidence[] {
  const { step, status, phase, words, since } = failure
  const facts = [
    `step ${step}`,
    ...(phase === null ? [] : [`phase ${phase}`]),
    ...(status === null ? [] : [`status ${status}`]),
  ]
  const before = steps.filter((it) => it.result === 'passed').map((it) => it.step)
  return [
    { text: `${words} (${facts.join(', ')}), ${failures} times in a row`, source: url, time: since },
    ...(before.length === 0 ? [] : [{ text: `before that passed: ${before.join(', ')}`, source: url, time: null }]),
  ]
}

/** What Harbor says of itself at the same time; null: none of these is Harbor's, or it says nothing. */
function healthBeside(
  failed: readonly FailedProbe[],
  { probes, now }: NodeFacts,
): { isGood: boolean; evidence: Evidence } | null {
  const { harbor } = probes
  if (harbor === null || !isFresh(harbor, now) || !failed.some((it) => isOfHarbor(it, harbor))) return null
  const { components, words, url, at } = harbor
  const good = components.filter((it) => it.healthy).length
  const bad = components.filter((it) => !it.healthy).map((it) => `${it.name}: ${it.words}`)
  const all = `${good} of ${components.length} components healthy`
  const said = components.length === 0 ? words : [all, ...bad].join(', ')
  return {
    isGood: components.length > 0 && bad.length === 0,
    evidence: { text: `Harbor says of itself at ${at}: ${said}`, source: url, time: null },
  }
}

function isOfHarbor({ url, role }: EndpointProbe, harbor: HarborHealth): boolean {
  const hostOf = (text: string) => /^https?:\/\/([^/?#]+)/.exec(text)?.[1]
  return role === 'face' || hostOf(url) === hostOf(harbor.url)
}
