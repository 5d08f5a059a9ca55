import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { PullpathError } from '../errors.ts'
import type { EndpointTls } from './registry-client.ts'

/**
 * What the connections of one endpoint are secured with. Each context is made when it is needed first: with an authority
 * of its own it holds all the system's too, some 10 MB, and an endpoint over http may never need one.
 */
export class SecureContexts {
  readonly verify: boolean
  readonly #tls: EndpointTls
  #own: SecureContext | undefined
  #other: SecureContext | undefined

  /** `origin`: for messages. Throws PP_REGISTRY_REQUEST for a certificate and key that cannot be used. */
  constructor(tls: EndpointTls, origin: string) {
    this.#tls = tls
    this.verify = tls.verify
    try {
      if (tls.client !== null) createSecureContext({ cert: tls.client.certificate, key: tls.client.key })
    } catch {
      throw new PullpathError('PP_REGISTRY_REQUEST', `${origin}: a certificate or key for it cannot be read`)
    }
  }

  /** For the endpoint's own host; undefined: Node's usual one. */
  get own(): SecureContext | undefined {
    const { client } = this.#tls
    if (client === null) return this.other
    this.#own ??= createSecureContext({ ...this.#authorities(), cert: client.certificate, key: client.key })
    return this.#own
  }

  /** For every other, without the endpoint's certificate; undefined: Node's usual one. */
  get other(): SecureContext | undefined {
    if (this.#tls.ca.length === 0) return undefined
    this.#other ??= createSecureContext(this.#authorities())
    return this.#other
  }

  /** containerd trusts the system's authorities beside those of the endpoint (hosts.go, tlsConfigFromHost). */
  #authorities(): { ca?: string[] } {
    const { ca } = this.#tls
    return ca.length === 0 ? {} : { ca: [...getCACertificates('default'), ...ca] }
  }
}
