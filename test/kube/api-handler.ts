import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { ApiObject } from './api-object.ts'
import { fromStored } from './event-forms.ts'
import { type Fault, Faults } from './faults.ts'
import { fieldSelector, type Selector } from './field-selector.ts'
import { Journal } from './journal.ts'
import { labelSelector } from './label-selector.ts'
import { listAnswer } from './list-answer.ts'
import { ObjectStore } from './object-store.ts'
import { authorize, type User } from './rbac.ts'
import { type RequestTarget, requestTarget } from './request-path.ts'
import { badRequest, internalError, StatusError, throttled, unauthorized } from './status.ts'
import { verbOf, WatchAnswer } from './watch-answer.ts'
import { writeAnswer } from './write-answer.ts'

/** Answers as kube-apiserver does, but for the faults that it is told to have. */
export class ApiHandler {
  readonly store = new ObjectStore()
  readonly faults = new Faults()
  readonly journal = new Journal()
  /** By token. */
  readonly users = new Map<string, User>()
  readonly watches = new Set<WatchAnswer>()
  /** Whether the CRDs of Flux are installed. */
  hasFlux = true
  /** Milliseconds. */
  bookmarkInterval = 60_000

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {}) // The client went away.
    try {
      await this.#answer(request, response)
    } catch (error) {
      if (response.headersSent || response.destroyed) return void response.destroy()
      if (!(error instanceof StatusError)) return sendJson(response, 500, { error: String(error) })
      sendJson(response, error.code, error.body(), error.headers)
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://api')
    const target = requestTarget(url.pathname, this.hasFlux)
    const { method = 'GET', headers } = request
    const verb = target === null ? method.toLowerCase() : verbOf(method, target, url.searchParams)
    const user = this.users.get(/^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? '')
    this.journal.add({
      verb,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      userAgent: headers['user-agent'] ?? '',
      user: user?.name ?? null,
    })
    const fault = this.faults.take(verb, url.pathname)
    if (fault !== null && (await hasFailed(fault, response))) return
    if (user === undefined) throw unauthorized()
    if (url.pathname === '/version') return sendJson(response, 200, { major: '1', minor: '36', gitVersion: 'v1.36.0' })
    if (target === null) return sendText(response, 404, '404 page not found\n')
    const selected = /(?:^|,)metadata\.name==?([^,]+)/.exec(url.searchParams.get('fieldSelector') ?? '')?.[1]
    authorize(user, verb, target, selected ?? null)
    const shown = (object: ApiObject) =>
      target.resource.storage === 'events' ? fromStored(object, target.resource.group) : object
    if (verb === 'watch') return this.#watch(response, target, url.searchParams, shown)
    if (verb === 'list') return sendJson(response, 200, this.#list(target, url.searchParams, shown))
    if (verb === 'get') {
      return sendJson(response, 200, shown(this.store.get(target.resource, target.namespace, target.name ?? '')))
    }
    const type = (headers['content-type'] ?? '').split(';')[0] ?? ''
    const stored = writeAnswer(this.store, verb, target, parse(await text(request)), type)
    sendJson(response, verb === 'create' ? 201 : 200, shown(stored))
  }

  #list(
    target: RequestTarget,
    query: URLSearchParams,
    shown: (object: ApiObject) => ApiObject,
  ): Record<string, unknown> {
    const list = listAnswer(this.store, target, query, selectorOf(target, query, shown))
    const isConverted = target.resource.storage === 'events'
    return isConverted ? { ...list, items: (list.items as ApiObject[]).map((it) => withoutKind(shown(it))) } : list
  }

  #watch(
    response: ServerResponse,
    target: RequestTarget,
    query: URLSearchParams,
    shown: (object: ApiObject) => ApiObject,
  ): void {
    const selects = selectorOf(target, query, shown)
    const { bookmarkInterval } = this
    const watch = new WatchAnswer(response, this.store, { target, query, selects, shown, bookmarkInterval })
    this.watches.add(watch)
    response.on('close', () => this.watches.delete(watch))
    watch.start()
  }
}

/** Selects by the fields of the form that was asked for. */
function selectorOf(
  { resource }: RequestTarget,
  query: URLSearchParams,
  shown: (object: ApiObject) => ApiObject,
): Selector {
  const byField = fieldSelector(query.get('fieldSelector') ?? '', resource)
  const byLabel = labelSelector(query.get('labelSelector') ?? '')
  return (object) => byLabel(object) && byField(shown(object))
}

/** Whether the fault was all of the answer. */
async function hasFailed(fault: Fault, response: ServerResponse): Promise<boolean> {
  switch (fault.kind) {
    case 'hang':
      return true
    case 'reset':
      response.destroy()
      return true
    case 'slow':
      await new Promise((resolve) => setTimeout(resolve, fault.ms))
      return false
    case 'status':
      if (fault.code === 429) throw throttled(fault.retryAfter ?? 1)
      if (fault.code === 500) throw internalError()
      throw new StatusError(
        fault.code,
        'Scripted',
        `the API server was told to answer ${fault.code}`,
        undefined,
        fault.retryAfter === undefined ? {} : { 'Retry-After': `${fault.retryAfter}` },
      )
    case 'redirect':
      response.writeHead(302, { Location: fault.location }).end()
      return true
    case 'page':
      sendText(response, 200, fault.text)
      return true
    case 'line':
      response.writeHead(200, { 'Content-Type': 'application/json' })
      response.write(`${fault.text}\n`)
      return true
    case 'mute':
      response.writeHead(fault.code ?? 200, { 'Content-Type': 'application/json' }).flushHeaders()
      return true
  }
}

function withoutKind({ kind: _, apiVersion: __, ...item }: ApiObject): Record<string, unknown> {
  return item
}

function parse(body: string): unknown {
  if (body === '') return null
  try {
    return JSON.parse(body)
  } catch {
    throw badRequest("the object provided is unrecognized: couldn't get version/kind; json parse error")
  }
}

function sendJson(response: ServerResponse, code: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(code, { 'Content-Type': 'application/json', ...headers }).end(`${JSON.stringify(body)}\n`)
}

function sendText(response: ServerResponse, code: number, body: string): void {
  response.writeHead(code, { 'Content-Type': 'text/plain; charset=utf-8' }).end(body)
}
