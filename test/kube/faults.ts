/** What goes wrong with a request. */
export type Fault =
  /** Nothing is answered, and nothing is closed. */
  | { kind: 'hang' }
  /** The connection breaks before there is an answer. */
  | { kind: 'reset' }
  /** Answered so much later, in milliseconds. */
  | { kind: 'slow'; ms: number }
  /** An answer that is no success; 429 and 503 may ask for a pause, in seconds. */
  | { kind: 'status'; code: number; retryAfter?: number }
  /** 302 to another address. */
  | { kind: 'redirect'; location: string }
  /** Success, and no JSON: a page of whoever stands before the API server. */
  | { kind: 'page'; text: string }
  /** The first line of a watch is this. */
  | { kind: 'line'; text: string }
  /** The head of an answer, and nothing ever after; not given: of a success, as of a watch. */
  | { kind: 'mute'; code?: number }

/** When a fault applies. */
export interface FaultRule {
  fault: Fault
  /** `get`, `list`, `watch`, ... ; not given: any. */
  verb?: string
  /** A part of the path; not given: any. */
  path?: string
  /** So often; not given: until it is taken away. */
  times?: number
}

/** The faults in force. */
export class Faults {
  #rules: { rule: FaultRule; left: number }[] = []

  /** Returns what takes it away. */
  add(rule: FaultRule): () => void {
    const entry = { rule, left: rule.times ?? Number.POSITIVE_INFINITY }
    this.#rules.push(entry)
    return () => {
      this.#rules = this.#rules.filter((it) => it !== entry)
    }
  }

  clear(): void {
    this.#rules = []
  }

  /** The fault of this request; null: none. */
  take(verb: string, path: string): Fault | null {
    const entry = this.#rules.find(
      ({ rule, left }) => left > 0 && (rule.verb ?? verb) === verb && path.includes(rule.path ?? ''),
    )
    if (entry === undefined) return null
    entry.left--
    return entry.rule.fault
  }
}
