import type { Config } from '../config/config.ts'
import type { DaemonClient } from '../containerd/client/daemon-client.ts'
import type { Endpoint } from '../containerd/pull-path.ts'
import type { ImageReference } from '../containerd/reference.ts'
import { declaredOrigin } from '../drift/declared-origin.ts'
import type { Pull, PullVia } from '../drift/pull.ts'
import { rememberedPath } from '../drift/remembered-paths.ts'
import { PullpathError } from '../errors.ts'
import { RegistryError } from '../registry/registry-error.ts'
import type { Inputs } from '../watch/inputs.ts'
import { type ContainerdPullOptions, pullByContainerd } from './containerd-pull.ts'
import { hasDiskPressure } from './disk-pressure.ts'
import { endpointAccess } from './endpoint-access.ts'
import { CRI_NAMESPACE } from './node-images.ts'
import { type ProbeEndpoint, probeEndpoints } from './probe-endpoints.ts'
import { probe } from './probe-legs.ts'
import { messageOf, notMeasured } from './pull-failure.ts'
import { type PullProgress, PullRecord } from './pull-record.ts'
import { readCredentials } from './registry-credentials.ts'
import { mirrorFacts } from './spegel-evidence.ts'
import type { SpegelSight } from './spegel-sight.ts'
import { readSubject, type Subject } from './subject.ts'

/** What a measurement needs to know of this node. */
export interface MeasuredNode {
  config: Config
  inputs: Inputs
  /** null: no socket of containerd is configured. */
  client: DaemonClient | null
  /** null: it is not known where Spegel is. */
  sight: SpegelSight | null
}

export interface MeasureOptions {
  id?: string
  /** See ContainerdPullOptions. */
  image: ContainerdPullOptions['image']
  signal?: AbortSignal
  onProgress?: (progress: PullProgress) => void
}

/** containerd hangs without bound where a mirror accepts a connection and never answers (2.1, 2.2). Milliseconds. */
const PULL_WITHIN = 300_000
/** Real pulls come first: so long they are waited for. Milliseconds. */
const PATIENCE = 60_000

/** Measures one pull of an image in one way. Whatever goes wrong is told in the result, but for faults of Pullpath itself. */
export async function measureImage(
  reference: ImageReference,
  via: PullVia,
  node: MeasuredNode,
  options: MeasureOptions,
): Promise<Pull> {
  const end = (failure: Pull['failure']) => new PullRecord(reference, via, Date.now(), options.id).unmeasured(failure)
  try {
    return await measure(reference, via, node, options, end)
  } catch (error) {
    if (error instanceof RegistryError) {
      return end(
        error.reason === 'not-found' ? notMeasured('no-canary', error.message) : failureOf(error.reason, error),
      )
    }
    if (error instanceof PullpathError && CREDENTIALS.includes(error.code)) return end(failureOf('credentials', error))
    throw error
  }
}

/** Of the docker config.json, and of a certificate and key that do not belong together. */
const CREDENTIALS = ['PP_FILE_UNREADABLE', 'PP_DOCKER_CONFIG_INVALID', 'PP_REGISTRY_REQUEST']

async function measure(
  reference: ImageReference,
  via: PullVia,
  { config, inputs, client, sight }: MeasuredNode,
  options: MeasureOptions,
  end: (failure: Pull['failure']) => Pull,
): Promise<Pull> {
  const { intent, observed, daemon, node } = inputs
  const { registry } = reference
  const brought = {
    credentials: readCredentials(config.registryAuth.dockerConfigFile),
    access: (endpoint: Endpoint) => endpointAccess(endpoint, observed.view, config.host.root),
  }
  const { endpoints } = rememberedPath(registry, daemon, observed.view, intent, node.ip)
  const declared = declaredOrigin(registry, intent, daemon, node)
  // Where nobody declares the registry the node's own files say where it is, if they do.
  const isDeclared = declared !== null && declared.declaredIn !== 'default'
  const last = isDeclared ? declared : (endpoints.findLast((it) => it.role !== 'peer') ?? declared)
  const origin = probeEndpoints(last === null ? [] : [{ ...last, role: 'origin' }], registry, brought)
  const path = probeEndpoints(endpoints, registry, brought)
  const asked = { origin, peer: path.filter((it) => it.role === 'peer').slice(0, 1), path, containerd: path }[via]
  if (asked.length === 0) {
    const unseen = node.inputs.find((it) => it.input === 'hosts' && !it.up)
    const why = unseen === undefined ? '' : `; its hosts cannot be seen: ${unseen.message}`
    return end(notMeasured('no-endpoint', `${via} of ${registry}${why}`))
  }
  if (via === 'containerd' && client === null) return end(notMeasured('no-daemon'))

  const { timeout } = config.probe
  const subject = await subjectOf(reference, via === 'origin' ? origin : [...origin, ...path], timeout, options.signal)
  const mirrors = mirrorFacts(endpoints, intent.spegel)
  const common = { ...options, mirrors, sight }
  if (via !== 'containerd') {
    const store = client?.inNamespace(CRI_NAMESPACE) ?? null
    return probe(via, subject, asked, { ...common, timeout, store })
  }
  if (client === null) return end(notMeasured('no-daemon'))
  return pullByContainerd(client, subject, {
    ...common,
    hasDiskPressure: () => hasDiskPressure(client.cri, config.host.root),
    deadline: PULL_WITHIN,
    patience: PATIENCE,
  })
}

/** What the origin says that the image is; where it cannot be asked, the first on the path that has it. */
async function subjectOf(
  reference: ImageReference,
  endpoints: readonly ProbeEndpoint[],
  timeout: number,
  signal: AbortSignal | undefined,
): Promise<Subject> {
  let first: RegistryError | null = null
  for (const { client, connectWithin } of endpoints) {
    try {
      const limits = { connect: Math.min(connectWithin, timeout), processing: timeout, pause: timeout, total: timeout }
      return await readSubject(client, reference, { limits, ...(signal && { signal }) })
    } catch (error) {
      if (!(error instanceof RegistryError)) throw error
      first ??= error
      // The origin's word that there is no such image is the last one.
      if (error.reason === 'not-found' || error.reason === 'aborted') break
    }
  }
  throw first ?? new PullpathError('PP_INTERNAL', 'an image was looked for without an endpoint')
}

function failureOf(reason: string, error: PullpathError): NonNullable<Pull['failure']> {
  return { reason, message: messageOf(error) }
}
