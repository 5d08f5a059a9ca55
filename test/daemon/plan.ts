import { keyOf, type Listener } from './site.ts'

/** How a listener answers one request, as a case writes it down. */
export type PlannedAnswer =
  /** A registry that has the image. `digest`, `length`: false leaves that header out of the answer to a HEAD. */
  | { kind: 'served'; digest?: false; length?: false }
  | { kind: 'status'; status: number }
  /** A 401 whatever the request carries. `error`: what it says about the token. */
  | { kind: 'refused'; challenge: PlannedChallenge | null }
  /** A 401 until the request carries credentials or a token. */
  | { kind: 'guarded'; challenge: PlannedChallenge }
  /** `to`: scheme and `host[:port]`; the path and the query stay. */
  | { kind: 'redirect'; status: 301 | 302 | 303 | 307 | 308; to: string }
  /** The connection ends after the request is read: by RST, or by FIN. */
  | { kind: 'reset' | 'closed' }
  /** Never, while the connection stays open; or after the head and the first half of the body. */
  | { kind: 'silent' | 'half' }
  /** A body that is not what was asked for: other bytes, fewer or more of them, or cut off by the end of the connection. */
  | { kind: 'spoilt'; body: 'other' | 'fewer' | 'more' | 'cut' }

export type PlannedChallenge =
  | { scheme: 'basic' }
  | { scheme: 'unheard-of' }
  | { scheme: 'bearer'; realm: string; service?: string; error?: string }

/** The answers of one listener, by what is asked; the first of a list is for the first request of one object, and so on. */
export interface ListenerPlan {
  head?: readonly PlannedAnswer[]
  manifests?: readonly PlannedAnswer[]
  blobs?: readonly PlannedAnswer[]
  token?: readonly PlannedAnswer[]
}

export interface Plan {
  /** Of listeners that are not named. */
  otherwise: ListenerPlan
  /** By `address:port`. */
  listeners: Readonly<Record<string, ListenerPlan>>
  /** Whether connections stay open for further requests. */
  keepAlive: boolean
}

/** What of a request its answer may depend on. */
export interface AskedOf {
  /** `address:port`. */
  listener: string
  method: string
  kind: 'manifests' | 'blobs' | 'token' | 'other'
  object: string
}

/** What a request asks for, by its method, path and query. */
export function askedOf(listener: Pick<Listener, 'address' | 'port'>, method: string, target: string): AskedOf {
  const [path = ''] = target.split('?')
  const [, kind = '', object = ''] = /\/(manifests|blobs)\/([^/]+)$/.exec(path) ?? []
  return {
    listener: keyOf(listener),
    method,
    kind: kind === 'manifests' || kind === 'blobs' ? kind : path === '/token' ? 'token' : 'other',
    object: decodeURIComponent(object),
  }
}

/**
 * Gives the answers of a plan in their order. The registry and the prediction each have one of their own, so that both
 * sides see the same answer to the same request.
 */
export class PlannedAnswers {
  readonly #plan: Plan
  readonly #asked = new Map<string, number>()

  constructor(plan: Plan) {
    this.#plan = plan
  }

  next({ listener, method, kind, object }: AskedOf): PlannedAnswer {
    if (kind === 'other') return { kind: 'status', status: 404 }
    const plan = this.#plan.listeners[listener] ?? this.#plan.otherwise
    const part = kind === 'token' ? 'token' : method === 'HEAD' ? 'head' : kind
    const key = [listener, part, object].join(' ')
    const turn = this.#asked.get(key) ?? 0
    this.#asked.set(key, turn + 1)
    const answers = plan[part] ?? []
    return answers[Math.min(turn, answers.length - 1)] ?? { kind: 'served' }
  }
}
