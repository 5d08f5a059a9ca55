import type { Config } from '../config/config.ts'
import { Announcements } from '../drift/announcements.ts'
import type { NodeFacts } from '../drift/facts.ts'
import { heldUntil } from '../drift/hold-down.ts'
import { mirrorsCondition } from '../drift/mirrors-condition.ts'
import type { NodeReport } from '../drift/report.ts'
import { type KubeClock, systemClock } from './clock.ts'
import type { KubeApi, KubeFailure } from './kube-api.ts'
import { NodeCondition } from './node-condition.ts'
import { NodeEvents } from './node-events.ts'

/** What is written to the cluster, and which rights of the agent's role it needs. */
export interface ClusterReport {
  what: 'Events' | 'the Node condition'
  needs: string
}

export interface ClusterReportsOptions {
  api: KubeApi
  config: Config
  /** What the reports of an earlier configuration have told; null: nothing. */
  before: ClusterReports | null
  /** Hears of each change: why nothing can be written; null: it can again. */
  onFailure(report: ClusterReport, failure: KubeFailure | null): void
  clock?: KubeClock
}

const EVENTS: ClusterReport = { what: 'Events', needs: 'create and patch of events.events.k8s.io in default' }
const CONDITION: ClusterReport = { what: 'the Node condition', needs: 'get of nodes and patch of nodes/status' }

/** Tells the cluster what is found on this node: by Events of the Node, and by a condition of it where that is wanted. */
export class ClusterReports {
  readonly #clock: KubeClock
  readonly #holdDown: number
  readonly #startedAt: number
  readonly #announcements: Announcements
  readonly #events: NodeEvents | null
  readonly #condition: NodeCondition | null
  #cancel = () => {}

  constructor({ api, config, before, onFailure, clock = systemClock }: ClusterReportsOptions) {
    const { events, nodeCondition } = config.kubernetes
    const node = config.node.name
    this.#clock = clock
    this.#holdDown = config.watch.holdDown
    this.#startedAt = before === null ? clock.now() : before.#startedAt
    this.#announcements = before === null ? new Announcements() : before.#announcements
    const heardOf = (report: ClusterReport) => (failure: KubeFailure | null) => onFailure(report, failure)
    this.#events = events
      ? new NodeEvents({ api, clock, node, announcements: this.#announcements, onFailure: heardOf(EVENTS) })
      : null
    this.#condition = nodeCondition ? new NodeCondition({ api, clock, node, onFailure: heardOf(CONDITION) }) : null
  }

  /** Takes a new report; returns at once. */
  consider(report: NodeReport, node: Pick<NodeFacts, 'bootedAt' | 'spegelLastSeenAt' | 'now'>): void {
    const now = this.#clock.now()
    const until = heldUntil(node, this.#holdDown, this.#startedAt)
    this.#announcements.take(report, { heldUntil: until, holdDown: this.#holdDown }, now)
    this.#events?.wake()
    this.#cancel()
    if (now >= until) this.#condition?.set(mirrorsCondition(report))
    else this.#cancel = this.#clock.after(until - now, () => this.#condition?.set(mirrorsCondition(report)))
  }

  /** Nothing is written any more. What was written stays: the next agent on this node goes on from there. */
  stop(): void {
    this.#cancel()
    this.#events?.stop()
    this.#condition?.stop()
  }
}
