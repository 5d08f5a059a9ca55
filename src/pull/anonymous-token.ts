import type { Challenge } from '../registry/challenge.ts'
import type { Call, Exchange } from '../registry/registry-client.ts'
import { plainGet } from './plain-get.ts'

/** Why nobody gets a token from a realm, as an endpoint's failure tells it. */
export interface RealmFault {
  detail: 'realm-invalid' | 'realm-scheme' | 'realm-redirects' | 'realm-answer'
  words: string
  status: number | null
}

/**
 * Asks the realm of a challenge for a token to pull, as anybody. A realm that refuses has answered: whether it should
 * have, the manifest tells. Throws RegistryError where it cannot be asked.
 */
export async function askRealm(
  { realm, service }: Challenge & { scheme: 'bearer' },
  endpoint: URL,
  repository: string,
  call: Call,
): Promise<{ fault: RealmFault | null; exchanges: readonly Exchange[] }> {
  const url = URL.parse(realm)
  const none = (fault: RealmFault, exchanges: readonly Exchange[] = []) => ({ fault, exchanges })
  if (url === null || !/^https?:$/.test(url.protocol)) {
    return none({
      detail: 'realm-invalid',
      words: 'the token realm that it names is no URL of http or https',
      status: null,
    })
  }
  if (endpoint.protocol === 'https:' && url.protocol === 'http:') {
    const words = `asked over https, it names a token realm over http: ${url.origin}`
    return none({ detail: 'realm-scheme', words, status: null })
  }
  if (service !== null) url.searchParams.set('service', service)
  url.searchParams.set('scope', `repository:${repository}:pull`)
  const { status, text, redirectsTo, exchanges } = await plainGet('the token realm', url, call)
  if (redirectsTo !== null) {
    const words = `the token realm that it names, ${url.origin}, redirects to ${redirectsTo}`
    return none({ detail: 'realm-redirects', words, status }, exchanges)
  }
  if (status === 401 || status === 403 || (status === 200 && holdsToken(text))) return { fault: null, exchanges }
  const words = `the token realm that it names, ${url.origin}, gives no token: status ${status}`
  return none({ detail: 'realm-answer', words, status }, exchanges)
}

function holdsToken(text: string): boolean {
  try {
    const answer: unknown = JSON.parse(text)
    if (typeof answer !== 'object' || answer === null) return false
    return ['token', 'access_token'].some((name) => typeof Reflect.get(answer, name) === 'string')
  } catch {
    return false
  }
}
