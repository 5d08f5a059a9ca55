import type { PullpathError } from '../../errors.ts'

/** Calls of one kind, one after another: a daemon that does not answer is waited for by one call only. */
export class OneAtATime {
  readonly #tooLate: () => PullpathError
  readonly #waiting: { begin(): void; fail(error: unknown): void }[] = []
  #isBusy = false

  /** `tooLate`: the error of a call whose deadline passes while another one is under way. */
  constructor(tooLate: () => PullpathError) {
    this.#tooLate = tooLate
  }

  /**
   * Runs `call` when it is its turn, with what is left of its `deadline` (milliseconds). Where the one under way
   * finds the daemon silent, all that wait hear so too.
   */
  async run<T>(deadline: number, call: (remaining: number) => Promise<T>): Promise<T> {
    const end = performance.now() + deadline
    if (this.#isBusy) await this.#turn(deadline)
    this.#isBusy = true
    try {
      return await call(Math.max(1, Math.round(end - performance.now())))
    } catch (error) {
      if (isSilence(error)) for (const waiting of this.#waiting.splice(0)) waiting.fail(error)
      throw error
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#isBusy = false
      else next.begin()
    }
  }

  #turn(deadline: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = {
        begin: () => {
          clearTimeout(timer)
          resolve()
        },
        fail: (error: unknown) => {
          clearTimeout(timer)
          reject(error)
        },
      }
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(this.#tooLate())
      }, deadline)
      this.#waiting.push(waiting)
    })
  }
}

function isSilence(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, 'code') === 'PP_DAEMON_SILENT'
}
