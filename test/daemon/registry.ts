import { createServer, type Socket } from 'node:net'
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls'
import type { TestImage } from './image.ts'
import { type AskedOf, askedOf, type Plan, type PlannedAnswer, PlannedAnswers, type PlannedChallenge } from './plan.ts'
import { type RawAnswer, type RequestHead, serveConnection } from './registry-connection.ts'
import { keyOf, type Listener, PORTS } from './site.ts'

/** One thing that a daemon did to a listener. Header values are not kept. */
export type Recorded =
  | {
      kind: 'request'
      tls: boolean
      method: string
      /** The Host header. */
      host: string
      /** Path and query. */
      target: string
      authorized: boolean
      /** Whether a client certificate came with it. */
      certified: boolean
      /** Names of headers of a hosts.toml, in lower case and in order. */
      headers: readonly string[]
    }
  /** A TLS handshake that came to nothing, or was sent to a listener without TLS. */
  | { kind: 'handshake'; listener: string }

/** What all listeners of the site answer from: one case at a time. */
export interface RegistryCase {
  plan: Plan
  image: TestImage
}

interface KeyPair {
  cert: string
  key: string
}

const CLIENT_HELLO = 0x16

/** A registry that listens on every port of the site, answers by plan, and writes down what it was asked. */
export class RecordingRegistry {
  readonly #contexts: Readonly<Record<'tls-known' | 'tls-own', SecureContext>>
  #case: (RegistryCase & { answers: PlannedAnswers }) | null = null
  #recorded: Recorded[] = []
  /** Those that succeeded: Go opens connections in advance, which may never carry a request. */
  readonly #succeeded = new WeakSet<Recorded>()
  /** Each resolves when the handshake came to an end. */
  readonly #handshakes = new Set<Promise<void>>()
  readonly #sockets = new Set<Socket>()

  constructor(known: KeyPair, own: KeyPair) {
    this.#contexts = { 'tls-known': createSecureContext(known), 'tls-own': createSecureContext(own) }
  }

  async listen(): Promise<void> {
    const listeners = Object.entries(PORTS).flatMap(([address, ports]) =>
      Object.entries(ports).map(([port, kind]): Listener => ({ address, port: Number(port), kind })),
    )
    await Promise.all(
      listeners.map((listener) => {
        const server = createServer((socket) => this.#accept(socket, listener))
        return new Promise<void>((resolve, reject) => {
          server.on('error', reject)
          server.listen({ host: listener.address, port: listener.port }, resolve)
        })
      }),
    )
  }

  begin(next: RegistryCase): void {
    this.#recorded = []
    this.#case = { ...next, answers: new PlannedAnswers(next.plan) }
  }

  /** What was asked since `begin`, in order, when no handshake is under way. Closes every connection. */
  async end(): Promise<Recorded[]> {
    await Promise.all(this.#handshakes)
    for (const socket of this.#sockets) socket.destroy()
    this.#case = null
    return this.#recorded.filter((it) => !this.#succeeded.has(it))
  }

  #accept(socket: Socket, listener: Listener): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.once('data', (first) => {
      socket.pause()
      socket.unshift(first)
      if (first[0] === CLIENT_HELLO) return this.#startTls(socket, listener)
      this.#serve(socket, listener, null)
      socket.resume()
    })
  }

  #startTls(socket: Socket, listener: Listener): void {
    // Written down at once, so that it stands before whatever the daemon does next; taken back when it succeeds.
    const handshake: Recorded = { kind: 'handshake', listener: keyOf(listener) }
    this.#recorded.push(handshake)
    if (listener.kind === 'plain') {
      socket.resume()
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return
    }
    const secure = new TLSSocket(socket, {
      isServer: true,
      secureContext: this.#contexts[listener.kind],
      requestCert: true,
      rejectUnauthorized: false,
    })
    const ended = new Promise<void>((resolve) => {
      secure.on('secure', () => {
        this.#succeeded.add(handshake)
        resolve()
      })
      socket.on('close', resolve)
    }).then(() => void this.#handshakes.delete(ended))
    this.#handshakes.add(ended)
    secure.on('error', () => socket.destroy())
    this.#serve(socket, listener, secure)
  }

  #serve(socket: Socket, listener: Listener, secure: TLSSocket | null): void {
    const answer = (head: RequestHead) => {
      this.#recorded.push({
        kind: 'request',
        tls: secure !== null,
        method: head.method,
        host: head.headers.get('host') ?? '',
        target: head.target,
        // OAuth's POST has them in its body.
        authorized: head.headers.has('authorization') || head.method === 'POST',
        certified: secure?.getPeerX509Certificate() !== undefined,
        headers: [...head.headers.keys()].filter((it) => it.startsWith('x-')).sort(),
      })
      if (secure === null && listener.kind !== 'plain') return errorAnswer(400)
      const planned = this.#answer(head, listener)
      return typeof planned === 'string' ? planned : { ...planned, close: this.#case?.plan.keepAlive !== true }
    }
    serveConnection(secure ?? socket, answer, socket)
  }

  #answer(head: RequestHead, listener: Listener): RawAnswer | 'reset' | 'closed' | 'silent' {
    if (this.#case === null) return errorAnswer(503)
    const asked = askedOf(listener, head.method, head.target)
    return this.#render(this.#case.answers.next(asked), asked, head)
  }

  #render(planned: PlannedAnswer, asked: AskedOf, head: RequestHead): RawAnswer | 'reset' | 'closed' | 'silent' {
    switch (planned.kind) {
      case 'reset':
      case 'closed':
      case 'silent':
        return planned.kind
      case 'half':
        return { ...this.#served({}, asked), half: true }
      case 'spoilt': {
        const served = this.#served({}, asked)
        if (planned.body === 'cut') return { ...served, half: true, cut: true }
        return { ...served, body: spoilt(served.body, planned.body) }
      }
      case 'status':
        return errorAnswer(planned.status)
      case 'redirect':
        return { ...errorAnswer(planned.status), headers: { Location: `${planned.to}${head.target}` } }
      case 'refused':
        return challengeAnswer(planned.challenge)
      case 'guarded':
        if (!head.headers.has('authorization')) return challengeAnswer(planned.challenge)
        return this.#served({}, asked)
      case 'served':
        return this.#served(planned, asked)
    }
  }

  #served({ digest, length }: { digest?: false; length?: false }, { kind, object }: AskedOf): RawAnswer {
    if (kind === 'token') {
      const body = Buffer.from(JSON.stringify({ token: 'planned', access_token: 'planned', expires_in: 3600 }))
      return { status: 200, headers: { 'Content-Type': 'application/json' }, body, close: true }
    }
    const image = this.#case?.image
    const name = object.includes(':') ? object : (image?.manifests[0] ?? '')
    const content = image?.contents[name]
    if (content === undefined) return errorAnswer(404)
    const headers = {
      'Content-Type': kind === 'manifests' ? content.mediaType : 'application/octet-stream',
      ...(digest === false ? {} : { 'Docker-Content-Digest': name }),
    }
    const body = Buffer.from(content.base64, 'base64')
    return { status: 200, headers, body, lengthUnknown: length === false, close: true }
  }
}

function spoilt(body: Buffer, how: 'other' | 'fewer' | 'more'): Buffer {
  if (how === 'fewer') return body.subarray(0, body.length >> 1)
  if (how === 'more') return Buffer.concat([body, body])
  const other = Buffer.from(body)
  other[other.length - 1] = (other.at(-1) ?? 0) ^ 1
  return other
}

function errorAnswer(status: number): RawAnswer {
  const body = Buffer.from(JSON.stringify({ errors: [{ code: 'PLANNED', message: `status ${status}` }] }))
  return { status, headers: { 'Content-Type': 'application/json' }, body, close: true }
}

function challengeAnswer(challenge: PlannedChallenge | null): RawAnswer {
  const answer = errorAnswer(401)
  return challenge === null ? answer : { ...answer, headers: { 'WWW-Authenticate': challengeText(challenge) } }
}

function challengeText(challenge: PlannedChallenge): string {
  if (challenge.scheme === 'basic') return 'Basic realm="planned"'
  if (challenge.scheme === 'unheard-of') return 'Unheard-Of realm="planned"'
  const { realm, service, error } = challenge
  const parameters = Object.entries({ realm, service, error }).filter(([, value]) => value !== undefined)
  return `Bearer ${parameters.map(([name, value]) => `${name}="${value}"`).join(',')}`
}
