import type { Challenge } from './challenge.ts'
import type { Call, Exchange, Limits, Trace } from './registry-client.ts'
import { type FailureFacts, RegistryError, type RegistryReason } from './registry-error.ts'

const DEFAULT_LIMITS: Limits = {
  resolve: 5_000,
  connect: 10_000,
  tls: 10_000,
  processing: 30_000,
  pause: 30_000,
  total: 600_000,
}

/** One call of a client: what all its requests share. */
export class Operation implements Trace {
  readonly limits: Limits
  readonly exchanges: Exchange[] = []
  redirectedTo: string[] = []
  challenge: Challenge | null = null
  readonly #title: string
  #ended: 'timeout' | 'aborted' | null = null
  #onEnd: ((reason: 'timeout' | 'aborted') => void) | null = null

  private constructor(title: string, limits: Limits) {
    this.#title = title
    this.limits = limits
  }

  /** `title`: what is asked for, as messages say it. Nothing outlives `work`. */
  static async run<T>(title: string, call: Call, work: (operation: Operation) => Promise<T>): Promise<T> {
    const operation = new Operation(title, { ...DEFAULT_LIMITS, ...call.limits })
    const abort = () => operation.#end('aborted')
    const timer = setTimeout(() => operation.#end('timeout'), operation.limits.total)
    call.signal?.addEventListener('abort', abort)
    if (call.signal?.aborted === true) abort()
    try {
      return await work(operation)
    } finally {
      operation.#end('aborted') // what is still open after a failure of `work` itself
      clearTimeout(timer)
      call.signal?.removeEventListener('abort', abort)
    }
  }

  /** Says when the call is over before it is done; at once where it is already. null: nobody asks any more. */
  whenOver(listener: ((reason: 'timeout' | 'aborted') => void) | null): void {
    this.#onEnd = listener
    if (this.#ended !== null) listener?.(this.#ended)
  }

  error(reason: RegistryReason, origin: string, facts: FailureFacts = {}): RegistryError {
    return new RegistryError(reason, { title: this.#title, origin }, this, facts)
  }

  #end(reason: 'timeout' | 'aborted'): void {
    this.#ended ??= reason
    this.#onEnd?.(this.#ended)
  }
}
