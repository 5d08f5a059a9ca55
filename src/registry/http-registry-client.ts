import type { LookupFunction } from 'node:net'
import { PullpathError } from '../errors.ts'
import { MAX_MANIFEST_BYTES, MAX_TOKEN_BYTES, readWhole } from './bounded-body.ts'
import type { BearerChallenge } from './challenge.ts'
import { type ApiRequest, Conversation } from './conversation.ts'
import { digester, isDigest } from './digest.ts'
import type { HttpExchange } from './http-exchange.ts'
import { MANIFEST_TYPES } from './manifest.ts'
import { Operation } from './operation.ts'
import { readBlobBody } from './read-blob-body.ts'
import type {
  Answer,
  BlobReading,
  BlobSource,
  Call,
  FetchedManifest,
  ManifestSource,
  PushedBlob,
  ReadBlob,
  RealmAnswer,
  RegistryClient,
  RegistryEndpoint,
} from './registry-client.ts'
import { SecureContexts } from './secure-contexts.ts'
import { realmOf, tokenIn, tokenParameters } from './token-realm.ts'
import { uploadBlob } from './upload-blob.ts'

/**
 * A client of one endpoint. It holds tokens and no connection, so there is nothing to close. `lookup`: what resolves
 * names; null: the system. Throws PP_REGISTRY_REQUEST for an endpoint that nothing can be sent to.
 */
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
    this.#base = baseOf(endpoint.url)
    this.#namespace = endpoint.namespace
    const contexts = new SecureContexts(endpoint.tls, this.#base.origin)
    this.#conversation = new Conversation(this.#base, endpoint, { contexts, lookup })
  }

  ping(call: Call = {}): Promise<Answer> {
    return Operation.run('the API', call, async (operation) => {
      const exchange = await this.#conversation.knock(operation, { method: 'GET', url: this.#url(''), call })
      await readWhole(exchange, MAX_MANIFEST_BYTES)
      return answerOf(operation, exchange)
    })
  }

  askRealm(challenge: BearerChallenge, repository: string, call: Call = {}): Promise<RealmAnswer> {
    return Operation.run('the token realm', call, async (operation) => {
      const scope = `repository:${repository}:pull`
      const realm = realmOf(operation, this.#base, challenge)
      for (const [name, value] of tokenParameters(challenge, scope)) realm.searchParams.set(name, value)
      const exchange = await this.#conversation.askRealm(operation, realm)
      const { status, url } = exchange
      const hasToken = tokenIn(await readWhole(exchange, MAX_TOKEN_BYTES)) !== null
      return { status, origin: url.origin, hasToken, exchanges: operation.exchanges, redirectedTo: [], challenge: null }
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
      const wanted = [reference, answer.digest].find((it) => it !== null && isDigest(it)) ?? null
      const digest = digester(wanted).update(bytes).digest()
      if (wanted !== null && digest !== wanted) throw exchange.error('digest-mismatch', { detail: digest })
      return { ...answer, digest, mediaType: answer.mediaType ?? '', length: bytes.length, bytes }
    })
  }

  readBlob(repository: string, digest: string, reading: BlobReading = {}): Promise<ReadBlob> {
    return Operation.run(`blob ${digest}`, reading, async (operation) => {
      const { range } = reading
      const headers = range === undefined ? {} : { Range: `bytes=${range.first}-${range.last}` }
      const exchange = await this.#pull(operation, 'GET', repository, `blobs/${digest}`, reading, headers)
      const body = await readBlobBody(exchange, digest, reading)
      return { ...answerOf(operation, exchange), ...body }
    })
  }

  pushBlob(repository: string, blob: BlobSource, call: Call = {}): Promise<PushedBlob> {
    return Operation.run(`upload of blob ${blob.digest}`, call, async (operation) => {
      const push = (request: Pick<ApiRequest, 'method' | 'url' | 'headers' | 'body'>) =>
        this.#conversation.request(operation, { ...request, scope: pushScope(repository), call })
      const url = (path: string) => this.#url(`${repository}/blobs/${path}`)
      const { exchange, existed } = await uploadBlob(blob, url, push)
      return { ...answerOf(operation, exchange), existed }
    })
  }

  pushManifest(repository: string, reference: string, manifest: ManifestSource, call: Call = {}): Promise<Answer> {
    return Operation.run(`upload of manifest ${repository}:${reference}`, call, async (operation) => {
      const { mediaType, bytes } = manifest
      const exchange = await this.#conversation.request(operation, {
        method: 'PUT',
        url: this.#url(`${repository}/manifests/${reference}`),
        headers: { 'Content-Type': mediaType },
        body: { size: bytes.length, open: () => [bytes] },
        scope: pushScope(repository),
        call,
      })
      await exchange.read(() => {})
      const answer = answerOf(operation, exchange)
      const digest = digester(answer.digest).update(bytes).digest()
      if (answer.digest !== null && answer.digest !== digest) {
        throw exchange.error('digest-mismatch', { detail: `it has stored ${answer.digest}` })
      }
      return answer
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

/** Without user, query and fragment, as containerd takes it. */
function baseOf(text: string): URL {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new PullpathError('PP_REGISTRY_REQUEST', 'the endpoint of a registry is no URL of http or https')
  }
  return new URL(url.pathname, url.origin)
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

function pushScope(repository: string): string {
  return `repository:${repository}:pull,push`
}
