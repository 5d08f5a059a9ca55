import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'

export const SERVICE = 'real'
export const ISSUER = 'pullpath test'

/** A token server as real registries trust one (distribution's token specification), for one user. */
export interface TokenServer {
  realm: string
  /** How long each further token lasts, in seconds; negative: it has expired when it is given out. */
  lifetimes: number[]
  stop(): Promise<void>
}

interface TokenServerOptions {
  tls: { cert: string; key: string }
  /** `name:password`. Who else asks may pull. */
  owner: string
}

const LIFETIME = 300

export async function startTokenServer({ tls, owner }: TokenServerOptions): Promise<TokenServer> {
  const lifetimes: number[] = []
  const server = createServer(tls, (request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'https://realm')
    const { authorization } = request.headers
    const given = authorization?.replace(/^Basic /, '')
    if (given !== undefined && Buffer.from(given, 'base64').toString() !== owner) {
      return void response.writeHead(401).end()
    }
    const [type = '', name = '', actions = ''] = searchParams.get('scope')?.split(':') ?? []
    const allowed = given === undefined ? ['pull'] : ['pull', 'push']
    const access = { type, name, actions: actions.split(',').filter((it) => allowed.includes(it)) }
    const token = signed(tls, { access: type === '' ? [] : [access] }, lifetimes.shift() ?? LIFETIME)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ token, expires_in: LIFETIME }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    realm: `https://127.0.0.1:${port}/token`,
    lifetimes,
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

/** RFC 7519 and RFC 7515, with the certificate in the header. */
function signed({ cert, key }: { cert: string; key: string }, claims: object, lifetime: number): string {
  const now = Math.floor(Date.now() / 1000)
  const header = { typ: 'JWT', alg: 'ES256', x5c: [new X509Certificate(cert).raw.toString('base64')] }
  // Registries allow a minute of clocks that differ.
  const times = { iat: now - 3600, nbf: now - 3600, exp: now + lifetime }
  const payload = { iss: ISSUER, aud: SERVICE, sub: '', jti: createHash('sha256').update(`${now}`).digest('hex') }
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part(header)}.${part({ ...payload, ...times, ...claims })}`
  const signature = sign('sha256', Buffer.from(text), { key: createPrivateKey(key), dsaEncoding: 'ieee-p1363' })
  return `${text}.${signature.toString('base64url')}`
}
