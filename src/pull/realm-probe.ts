import type { EndpointFailure } from '../drift/probes.ts'
import type { BearerChallenge } from '../registry/challenge.ts'
import type { Call, RegistryClient, Trace } from '../registry/registry-client.ts'
import { RegistryError } from '../registry/registry-error.ts'

/**
 * Asks the realm of a challenge for a token to pull, as anybody. A realm that refuses has answered: whether it should
 * have, the manifest tells. Rejects with a RegistryError where it cannot be asked.
 */
export async function probeRealm(
  client: RegistryClient,
  challenge: BearerChallenge,
  repository: string,
  call: Call,
): Promise<{ trace: Trace; failure: Omit<EndpointFailure, 'since'> | null }> {
  const failed = (detail: string, words: string, status: number | null, names: string | null) => {
    return { reason: 'endpoint-auth', step: 'realm', phase: null, detail, words, status, names } as const
  }
  try {
    const answer = await client.askRealm(challenge, repository, call)
    const { status, origin, hasToken } = answer
    if (status === 401 || status === 403 || (status === 200 && hasToken)) return { trace: answer, failure: null }
    const words = `the token realm that it names, ${origin}, gives no token: status ${status}`
    return { trace: answer, failure: failed('realm-answer', words, status, origin) }
  } catch (error) {
    if (!(error instanceof RegistryError) || error.reason !== 'realm-invalid') throw error
    const names = URL.parse(challenge.realm)?.origin ?? null
    return { trace: error, failure: failed(error.reason, error.message, null, names === 'null' ? null : names) }
  }
}
