import type { Config } from '../config/config.ts'
import { type ImageReference, parseImageReference } from '../containerd/reference.ts'
import { declaredOrigin } from '../drift/declared-origin.ts'
import { PullpathError } from '../errors.ts'
import type { RegistryEndpoint } from '../registry/registry-client.ts'
import type { Inputs } from '../watch/inputs.ts'
import { proofTag } from './canary-names.ts'

/** An image that containerd is asked for as a proof, and where the agent asks for the same. */
export interface ProofTarget {
  reference: ImageReference
  origin: RegistryEndpoint
}

/** The canary's proof tag of this node. null: there is no origin to ask, or `canary.image` is no repository. */
export function proofTarget({ canary }: Config, { intent, daemon, node }: Inputs): ProofTarget | null {
  const reference = referenceOf(`${canary.image}:${proofTag(node.name, canary.tags)}`)
  if (reference === null) return null
  const origin = declaredOrigin(reference.registry, intent, daemon, node)
  if (origin === null) return null
  return {
    reference,
    origin: {
      url: origin.url,
      namespace: origin.namespaceParam ? reference.registry : null,
      headers: {},
      tls: { ca: [], client: null, verify: origin.skipVerify !== true },
      credentials: null,
    },
  }
}

function referenceOf(image: string): ImageReference | null {
  try {
    return parseImageReference(image)
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
    return null
  }
}
