/** Lets one thing be done at a time: what disturbs a measurement waits until it is over, and the reverse. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  /** Runs the task when all that were handed in before are over, however they ended. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task, task)
    this.#last = turn.catch(() => {})
    return turn
  }
}
