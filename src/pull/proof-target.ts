import type { Config } from '../config/config.ts'
import { type ImageReference, parseImageReference } from '../containerd/reference.ts'
import { declaredOrigin } from '../drift/declared-origin.ts'
import { PullpathError } from '../errors.ts'
import { openRegistryClient } from '../registry/http-registry-client.ts'
import type { RegistryClient, RegistryEndpoint } from '../registry/registry-client.ts'
import type { Inputs } from '../watch/inputs.ts'
import { proofTag } from './canary-names.ts'
import { type EndpointAccess, endpointAccess } from './endpoint-access.ts'

/** An image that containerd is asked for as a proof, and where the agent asks for the same. */
export interface ProofTarget {
  reference: ImageReference
  /** How many tags of its class there are. */
  tags: number
  origin: Pick<RegistryEndpoint, 'url' | 'namespace'>
  /** Reads what is brought along there. */
  access(): EndpointAccess
}

/** The canary's proof tag of this node. null: there is no origin to ask. */
export function proofTarget({ canary, host }: Config, { intent, observed, daemon, node }: Inputs): ProofTarget | null {
  const reference = parseImageReference(`${canary.image}:${proofTag(node.name, canary.tags)}`)
  const origin = declaredOrigin(reference.registry, intent, daemon, node)
  if (origin === null) return null
  return {
    reference,
    tags: canary.tags,
    origin: { url: origin.url, namespace: origin.namespaceParam ? reference.registry : null },
    access: () => endpointAccess(origin, observed.view, host.root),
  }
}

/** Asks the origin as anybody, with what containerd brings along there. */
export function openOrigin({ origin, access }: ProofTarget): RegistryClient {
  const { headers, tls } = access()
  const endpoint = { ...origin, headers, tls, credentials: null }
  try {
    return openRegistryClient(endpoint)
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
    // A certificate and a key that do not belong together: containerd says so when it pulls.
    return openRegistryClient({ ...endpoint, tls: { ...tls, client: null } })
  }
}
