import { createHash, type Hash } from 'node:crypto'
import type { LookupFunction } from 'node:net'
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { MAX_MANIFEST_BYTES, readWhole } from './bounded-body.ts'
import { Conversation } from './conversation.ts'
import type { HttpExchange } from './http-exchange.ts'
import { MANIFEST_TYPES } from './manifest.ts'
import { Operation } from './operation.ts'
import type {
  Answer,
  BlobReading,
  Call,
  EndpointTls,
  FetchedManifest,
  ReadBlob,
  RegistryClient,
  RegistryEndpoint,
} from './registry-client.ts'

const DIGEST = /^(sha256|sha512):[a-f0-9]+$/

/** A client of one endpoint. It holds tokens and no connection, so there is nothing to close. */
export function openRegistryClient(endpoint: RegistryEndpoint, lookup: LookupFunction | null = null): RegistryClient {
  return new HttpRegistryClient(endpoint, lookup)
}

class HttpRegistryClient implements RegistryClient {
  readonly endpoint: string
  readonly #base: URL
  readonly #namespace: string | null
  readonly #conversation: Conversation

  constructor(endpoint: RegistryEndpoint, lookup: LookupFunction | null) {
    this.endpoint = endpoint.url
    this.#base = new URL(endpoint.url)
    this.#namespace = endpoint.namespace
    const { own, other } = secureContexts(endpoint.tls)
    const connecting = { own, other, verify: endpoint.tls.verify, lookup }
    this.#conversation = new Conversation(this.#base, endpoint, connecting)
  }

  ping(call: Call = {}): Promise<Answer> {
    return Operation.run('the API', call, async (operation) => {
      const exchange = await this.#conversation.knock(operation, { method: 'GET', url: this.#url(''), call })
      await readWhole(exchange, MAX_MANIFEST_BYTES)
      return answerOf(operation, exchange)
    })
  }

  headManifest(repository: string, reference: string, call: Call = {}): Promise<Answer> {
    return this.#head(`manifest ${repository}:${reference}`, repository, `manifests/${reference}`, call)
  }

  headBlob(repository: string, digest: string, call: Call = {}): Promise<Answer> {
    return this.#head(`blob ${digest}`, repository, `blobs/${digest}`, call)
  }

  getManifest(repository: string, reference: string, call: Call = {}): Promise<FetchedManifest> {
    return Operation.run(`manifest ${repository}:${reference}`, call, async (operation) => {
      const exchange = await this.#pull(operation, 'GET', repository, `manifests/${reference}`, call)
      const bytes = await readWhole(exchange, MAX_MANIFEST_BYTES)
      const answer = answerOf(operation, exchange)
      const wanted = [reference, answer.digest].find((it) => it !== null && DIGEST.test(it)) ?? null
      const digest = digestOf(createHash(algorithmOf(wanted)).update(bytes), wanted)
      if (wanted !== null && digest !== wanted) throw exchange.error('digest-mismatch', { detail: digest })
      return { ...answer, digest, mediaType: answer.mediaType ?? '', length: bytes.length, bytes }
    })
  }

  readBlob(repository: string, digest: string, reading: BlobReading = {}): Promise<ReadBlob> {
    return Operation.run(`blob ${digest}`, reading, async (operation) => {
      const { range, size, onStart, onBytes } = reading
      const headers = range === undefined ? {} : { Range: `bytes=${range.first}-${range.last}` }
      const exchange = await this.#pull(operation, 'GET', repository, `blobs/${digest}`, reading, headers)
      const isPart = exchange.status === 206
      const due = isPart ? null : (size ?? null)
      const wrongLength = (detail: string) => exchange.error('wrong-length', { detail: `${detail} of ${due} bytes` })
      if (due !== null && exchange.length !== null && exchange.length !== due) {
        exchange.discard()
        throw wrongLength(`${exchange.length}`)
      }
      onStart?.(exchange.length)
      const hash = createHash(algorithmOf(digest))
      let length = 0
      await exchange.read((bytes) => {
        length += bytes.length
        if (due !== null && length > due) throw wrongLength(`more than ${due}`)
        hash.update(bytes)
        return onBytes?.(bytes)
      })
      if (due !== null && length !== due) throw wrongLength(`${length}`)
      const found = digestOf(hash, digest)
      if (!isPart && found !== digest) throw exchange.error('digest-mismatch', { detail: found })
      return { ...answerOf(operation, exchange), length, digest: found }
    })
  }

  #head(title: string, repository: string, path: string, call: Call): Promise<Answer> {
    return Operation.run(title, call, async (operation) => {
      const exchange = await this.#pull(operation, 'HEAD', repository, path, call)
      await exchange.read(() => {})
      return answerOf(operation, exchange)
    })
  }

  #pull(
    operation: Operation,
    method: 'GET' | 'HEAD',
    repository: string,
    path: string,
    call: Call,
    headers: Record<string, string> = {},
  ): Promise<HttpExchange> {
    const accept: Record<string, string> = path.startsWith('manifests/') ? { Accept: MANIFEST_TYPES.join(', ') } : {}
    return this.#conversation.request(operation, {
      method,
      url: this.#url(`${repository}/${path}`),
      headers: { ...accept, ...headers },
      scope: `repository:${repository}:pull`,
      call,
    })
  }

  #url(path: string): URL {
    const url = new URL(this.#base)
    url.pathname = `${url.pathname.replace(/\/$/, '')}/${path}`
    if (this.#namespace !== null) url.searchParams.set('ns', this.#namespace)
    return url
  }
}

/** containerd trusts the system's authorities beside those of the endpoint. */
function secureContexts({ ca, client }: EndpointTls): Record<'own' | 'other', SecureContext | undefined> {
  const authorities = ca.length === 0 ? {} : { ca: [...getCACertificates('default'), ...ca] }
  const other = ca.length === 0 ? undefined : createSecureContext(authorities)
  if (client === null) return { own: other, other }
  return { own: createSecureContext({ ...authorities, cert: client.certificate, key: client.key }), other }
}

function answerOf(operation: Operation, exchange: HttpExchange): Answer {
  const header = (name: string) => {
    const value = exchange.headers[name]
    return typeof value === 'string' ? value : null
  }
  return {
    status: exchange.status,
    exchanges: operation.exchanges,
    redirectedTo: operation.redirectedTo,
    challenge: operation.challenge,
    namespace: header('oci-namespace'),
    digest: header('docker-content-digest'),
    mediaType: header('content-type'),
    length: exchange.length,
  }
}

function algorithmOf(digest: string | null): string {
  return digest?.split(':', 1)[0] ?? 'sha256'
}

function digestOf(hash: Hash, wanted: string | null): string {
  return `${algorithmOf(wanted)}:${hash.digest('hex')}`
}
