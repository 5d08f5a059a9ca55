import type { MirrorsCondition } from '../drift/mirrors-condition.ts'
import type { KubeClock } from './clock.ts'
import type { KubeApi, KubeFailure, KubeObject } from './kube-api.ts'
import { conditionOf, fieldAt, textAt } from './kube-fields.ts'
import { PacedWriter } from './paced-writer.ts'

export interface NodeConditionOptions {
  api: Pick<KubeApi, 'get' | 'patch'>
  clock: KubeClock
  /** The Node's name. */
  node: string
  /** Hears of each change: why the condition cannot be written; null: it can again. */
  onFailure(failure: KubeFailure | null): void
}

const TYPE = 'RegistryMirrorsDrifted'
/** Written again so often although nothing changed, and a fifth later by chance: at most two requests an hour. */
const HEARTBEAT = 1_800_000
/** And however often it changes, no more often than this. */
const PAUSE = 60_000

/**
 * Keeps one condition of the Node. Like those of the kubelet and of node-problem-detector it outlives whoever writes it:
 * its heartbeat tells its age.
 */
export class NodeCondition {
  readonly #options: NodeConditionOptions
  readonly #writer: PacedWriter
  #wanted: MirrorsCondition | null = null
  #written: (MirrorsCondition & { at: number }) | null = null
  /** What the Node has: its own from before this agent began, at first. null: it has none; undefined: not read yet. */
  #known: { status: unknown; lastTransitionTime: string } | null | undefined

  constructor(options: NodeConditionOptions) {
    const { clock, onFailure } = options
    this.#options = options
    this.#writer = new PacedWriter({ clock, onFailure, write: (signal) => this.#write(signal) })
  }

  /** A message alone that changes is written with the next heartbeat. */
  set(condition: MirrorsCondition): void {
    const before = this.#wanted
    this.#wanted = condition
    if (before?.status !== condition.status || before.reason !== condition.reason) this.#writer.wake()
  }

  stop(): void {
    this.#writer.stop()
  }

  async #write(signal: AbortSignal): Promise<number | null> {
    const { api, clock, node } = this.#options
    const wanted = this.#wanted
    if (wanted === null) return null
    const dueAt = this.#dueAt(wanted)
    if (clock.now() < dueAt) return dueAt
    const path = `/api/v1/nodes/${encodeURIComponent(node)}`
    if (this.#known === undefined) this.#known = ownCondition(await api.get(path, {}, signal))
    const now = new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z')
    const lastTransitionTime = this.#known?.status === wanted.status ? this.#known.lastTransitionTime : now
    const condition = { type: TYPE, ...wanted, lastHeartbeatTime: now, lastTransitionTime }
    await api.patch(`${path}/status`, 'strategic', { status: { conditions: [condition] } }, signal)
    this.#known = { status: wanted.status, lastTransitionTime }
    this.#written = { ...wanted, at: clock.now() }
    return this.#dueAt(this.#wanted ?? wanted)
  }

  #dueAt({ status, reason }: MirrorsCondition): number {
    const written = this.#written
    if (written === null) return 0
    const isNews = written.status !== status || written.reason !== reason
    return written.at + (isNews ? PAUSE : HEARTBEAT * (1 + this.#options.clock.random() / 5))
  }
}

function ownCondition(node: KubeObject): { status: unknown; lastTransitionTime: string } | null {
  const found = conditionOf(node, TYPE)
  const lastTransitionTime = textAt(found, 'lastTransitionTime')
  return lastTransitionTime === null ? null : { status: fieldAt(found, 'status'), lastTransitionTime }
}
