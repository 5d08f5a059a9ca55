/** Input readers and watchers on a node's directory, for tests that wait for what happens and never for time. */
import type { Test } from 'tap'
import { readConfig } from '../../src/config/read-config.ts'
import { InputReader } from '../../src/watch/input-reader.ts'
import { InputWatcher, type WatchedPart } from '../../src/watch/input-watcher.ts'
import type { Inputs } from '../../src/watch/inputs.ts'
import { configOf } from '../fixtures/node-directory.ts'

/** What a watcher told, in order; each can be waited for. */
export class Told<T> {
  readonly #heard: T[] = []
  #waiting: (() => void)[] = []

  push(value: T): void {
    this.#heard.push(value)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** The first that fits, whether it was told already or comes yet; what was told before it is forgotten. */
  async next(fits: (value: T) => boolean): Promise<T> {
    for (;;) {
      const index = this.#heard.findIndex(fits)
      const found = this.#heard[index]
      if (found !== undefined) {
        this.#heard.splice(0, index + 1)
        return found
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  get length(): number {
    return this.#heard.length
  }
}

export interface WatchTimes {
  rescan?: number
  settle?: number
}

/** Watches parts; every change is told by the names of the parts. */
export function watchParts(t: Test, parts: readonly WatchedPart[], { rescan = 0, settle = 20 }: WatchTimes = {}) {
  const changes = new Told<readonly string[]>()
  const readings = new Told<true>()
  const watcher = new InputWatcher(parts, {
    rescan,
    settle,
    onRead: () => readings.push(true),
    onChange: (names) => changes.push(names),
    onUnwatchable: (error) => t.fail(error.message),
  })
  t.teardown(() => watcher.stop())
  watcher.start()
  return { watcher, changes, readings }
}

/** Watches a node; every change is told by the inputs that it led to. Without a rescan only events are noticed. */
export function watchNode(t: Test, directory: string, times: WatchTimes = {}): Told<Inputs> {
  const config = readConfig(configOf(directory), 'config.yaml', { env: {}, hostname: 'k8s-1' })
  const reader = new InputReader(config, { relative: false, memory: null })
  const inputs = new Told<Inputs>()
  const watcher = new InputWatcher(reader.parts, {
    rescan: times.rescan ?? 0,
    settle: times.settle ?? 20,
    onRead: () => undefined,
    onChange: () => inputs.push(reader.inputs(Date.now())),
    onUnwatchable: (error) => t.fail(error.message),
  })
  t.teardown(() => watcher.stop())
  watcher.start()
  return inputs
}
