import type { IncomingMessage, ServerResponse } from 'node:http'

/** Who may do what at a registry double. Passwords by user. */
export type AuthPlan =
  | { kind: 'none' }
  | { kind: 'basic'; users: Readonly<Record<string, string>> }
  | {
      kind: 'bearer'
      users: Readonly<Record<string, string>>
      /** Whether anybody gets a token to pull. */
      anonymousPull: boolean
      /** Instead of its own. */
      realm?: string
      /** Seconds that tokens say they last; the double takes them until `expireTokens`. */
      expiresIn?: number
      /** Identity tokens that are taken for a user. */
      identityTokens?: readonly string[]
      /** Sent instead of a token. */
      answer?: string
    }

const SERVICE = 'double'

/** Checks what requests bring with them, and gives out tokens. */
export class RegistryAuth {
  readonly #plan: AuthPlan
  readonly #origin: string
  readonly #tokens = new Map<string, string[]>()
  #count = 0

  constructor(plan: AuthPlan, origin: string) {
    this.#plan = plan
    this.#origin = origin
  }

  expireTokens(): void {
    this.#tokens.clear()
  }

  /** null: let it pass; else the challenge. */
  challengeFor(request: IncomingMessage, repository: string | null): string | null {
    const plan = this.#plan
    const { authorization = '' } = request.headers
    if (plan.kind === 'none') return null
    if (plan.kind === 'basic') return userOf(plan.users, authorization) === null ? 'Basic realm="double"' : null
    const action = request.method === 'GET' || request.method === 'HEAD' ? 'pull' : 'push'
    const granted = this.#tokens.get(authorization.replace(/^Bearer /, ''))
    const isGranted =
      repository === null ? granted !== undefined : granted?.includes(`${repository}:${action}`) === true
    if (isGranted) return null
    const scope = repository === null ? '' : `,scope="repository:${repository}:${action}"`
    return `Bearer realm="${plan.realm ?? `${this.#origin}/token`}",service="${SERVICE}"${scope}`
  }

  /** Answers at `/token`. */
  giveToken(request: IncomingMessage, parameters: URLSearchParams, response: ServerResponse): void {
    const plan = this.#plan
    if (plan.kind !== 'bearer') return void response.writeHead(404).end()
    if (plan.answer !== undefined) return void response.writeHead(200).end(plan.answer)
    const { authorization } = request.headers
    const user = authorization === undefined ? null : userOf(plan.users, authorization)
    const isKnown = user !== null || plan.identityTokens?.includes(parameters.get('refresh_token') ?? '') === true
    const isAnonymous = authorization === undefined && !parameters.has('refresh_token')
    if (!isKnown && !isAnonymous)
      return void response.writeHead(401).end('{"details":"incorrect username or password"}')
    if (parameters.get('service') !== SERVICE) return void response.writeHead(400).end()
    const [, repository = '', actions = ''] = /^repository:(.*):(.*)$/.exec(parameters.get('scope') ?? '') ?? []
    const allowed = isKnown ? ['pull', 'push'] : plan.anonymousPull ? ['pull'] : []
    const granted = actions.split(',').filter((it) => allowed.includes(it))
    const token = `token-${++this.#count}`
    this.#tokens.set(
      token,
      granted.map((it) => `${repository}:${it}`),
    )
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify({
        [request.method === 'POST' ? 'access_token' : 'token']: token,
        expires_in: plan.expiresIn ?? 300,
      }),
    )
  }
}

function userOf(users: Readonly<Record<string, string>>, authorization: string): string | null {
  const [user = '', password] = Buffer.from(authorization.replace(/^Basic /, ''), 'base64')
    .toString()
    .split(':')
  return password !== undefined && users[user] === password ? user : null
}
