import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { json, text } from 'node:stream/consumers'
import type { Json } from './api-object.ts'

/** An API server to be held to what Kubernetes promises. */
export interface ApiUnderTest {
  url: string
  token: string
  /** PEM; null: plain HTTP. */
  ca: string | null
}

export interface Answer {
  status: number
  type: string
  body: Json
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Sends requests without any client of Kubernetes between. */
export class ConformanceClient {
  readonly #api: ApiUnderTest

  constructor(api: ApiUnderTest) {
    this.#api = api
  }

  /** `type`: of the body. */
  async send(method: Method, path: string, body?: unknown, type = 'application/json'): Promise<Answer> {
    const response = await this.#open(method, path, body, type)
    const contentType = response.headers['content-type'] ?? ''
    const isJson = contentType.includes('json')
    const read = isJson ? ((await json(response)) as Json) : { text: await text(response) }
    return { status: response.statusCode ?? 0, type: contentType, body: read }
  }

  /** Events of a watch until there are `count`, or it ends. */
  async watch(path: string, count: number, onOpen: () => Promise<unknown> = async () => {}): Promise<Json[]> {
    const response = await this.#open('GET', path)
    const events: Json[] = []
    const opened = onOpen()
    let rest = ''
    for await (const piece of response) {
      const lines = (rest + String(piece)).split('\n')
      rest = lines.pop() ?? ''
      events.push(...lines.map((it) => JSON.parse(it)))
      if (events.length >= count) break
    }
    await opened
    return events
  }

  #open(method: Method, path: string, body?: unknown, type = 'application/json') {
    const { url, token, ca } = this.#api
    const { promise, resolve, reject } = Promise.withResolvers<import('node:http').IncomingMessage>()
    const send = url.startsWith('https:') ? httpsRequest : httpRequest
    const headers = { Authorization: `Bearer ${token}`, Accept: 'application/json', 'Content-Type': type }
    const options = { method, headers, agent: false, ...(ca === null ? {} : { ca }) } as const
    const request = send(new URL(path, url), options, resolve)
    request.on('error', reject)
    request.end(body === undefined ? undefined : JSON.stringify(body))
    return promise
  }
}
