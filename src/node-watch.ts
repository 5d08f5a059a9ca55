import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { canaryNodes } from './canary-nodes.ts'
import { clusterReporting } from './cluster-reporting.ts'
import type { Config } from './config/config.ts'
import type { ClusterAnswer, ClusterFacts } from './drift/cluster-facts.ts'
import type { Probes } from './drift/probes.ts'
import type { Pull, PullVia } from './drift/pull.ts'
import type { NodeReport } from './drift/report.ts'
import type { ClusterReports } from './kube/cluster-reports.ts'
import type { ClusterWatch } from './kube/cluster-watch.ts'
import type { OpenedKube } from './kube/open-kube.ts'
import type { ObjectPlace } from './kube/spegel-place.ts'
import { CanaryRounds } from './pull/canary-rounds.ts'
import type { ClusterNodes } from './pull/cluster-nodes.ts'
import { DaemonWatch } from './pull/daemon-watch.ts'
import { Observing } from './pull/observe-pulls.ts'
import { ProbeRounds } from './pull/probe-rounds.ts'
import type { PulledEvents } from './pull/pulled-events.ts'
import type { Turns } from './pull/turns.ts'
import { LEAST_PAUSE } from './server/pull-routes.ts'
import type { DaemonAnswer, OpenedDaemon, openDaemon } from './watch/daemon-monitor.ts'
import { InputReader } from './watch/input-reader.ts'
import { InputWatcher } from './watch/input-watcher.ts'
import type { Inputs } from './watch/inputs.ts'

export interface NodeWatchOptions {
  config: Config
  logger: Logger
  /** What watched this node with an earlier configuration: what it knows is taken over. null: there was none. */
  before: NodeWatch | null
  /** One measurement or proof at a time, whichever configuration began it. */
  turns: Turns
  openDaemon: typeof openDaemon
  openKube(config: Config): Promise<OpenedKube>
  /** Everything was read once more, changed or not. */
  onRead(): void
  /** What an evaluation depends on has changed: the names of the inputs, or of what was asked. */
  onChange(names: readonly string[]): void
  /** A pull was measured, or could not be. */
  onMeasured(pull: Pull): void
  onObserved(pull: Pull): void
}

/** The first evaluation waits so long for the daemon: it answers in a few milliseconds, if it does. */
const DAEMON_GRACE_MS = 1000
/** And so long for the API server. */
const CLUSTER_GRACE_MS = 3000
/** A measurement or a proof under way gets so long to remove what it left in the daemon. */
const CANARY_GRACE_MS = 1000

/** All that reads, follows, asks and measures on this node for one configuration. */
export class NodeWatch {
  /** Without what watched before: each would keep all that were before it. */
  readonly #options: Omit<NodeWatchOptions, 'before'>
  readonly #reader: InputReader
  readonly #inputs: InputWatcher
  readonly #opened: Promise<OpenedDaemon> | null
  readonly #kube: Promise<OpenedKube>
  /** The nodes with which this one takes turns. */
  readonly #nodes: Promise<ClusterNodes | null>
  readonly #daemon: DaemonWatch | null
  readonly #probes: ProbeRounds | null
  readonly #canary: CanaryRounds
  readonly #cluster: Promise<ClusterWatch | null>
  readonly #reporting: Promise<ClusterReports | null>
  readonly #observing: Observing
  #daemonAnswer: DaemonAnswer | null = null
  /** Where Kubernetes has Spegel's DaemonSet; null: not heard yet. */
  #spegelPlace: ObjectPlace | null = null
  #isStopped = false

  /** Begins to open what is asked. Throws PP_VERSION_INVALID and PP_VERSION_UNSUPPORTED, and has begun nothing then. */
  constructor({ before, ...options }: NodeWatchOptions) {
    const { config, logger } = options
    this.#options = options
    this.#reader = new InputReader(config, { relative: false, memory: before === null ? null : before.#reader.memory })
    this.#inputs = this.#watchInputs()
    this.#opened = this.#openDaemon()
    this.#kube = options.openKube(config)
    this.#nodes = canaryNodes(config, this.#kube, logger, () => this.#spegelPlace)
    if (before !== null) this.#takeOver(before)
    this.#daemon = this.#watchDaemon()
    this.#probes = this.#startProbes()
    this.#canary = this.#measureCanary()
    this.#cluster = this.#watchCluster()
    this.#reporting = clusterReporting(config, this.#kube, before === null ? null : before.#reporting, logger)
    this.#observing = this.#observePulls()
  }

  /** Begins to read. Resolves when the daemon and the API server were heard, or have had time enough. */
  async start(): Promise<void> {
    await Promise.all([
      Promise.race([this.#daemon?.start(), delay(DAEMON_GRACE_MS, undefined, { ref: false })]),
      Promise.race([this.#cluster.then((it) => it?.start()), delay(CLUSTER_GRACE_MS, undefined, { ref: false })]),
    ])
    if (!this.#isStopped) this.#inputs.start()
  }

  /** All that is known now. `now`: milliseconds since the epoch. */
  inputs(now: number): Inputs {
    return this.#reader.inputs(now)
  }

  /** What Kubernetes said last; null: it is not asked, or nothing was heard yet. */
  get cluster(): ClusterFacts | null {
    return this.#reader.cluster
  }

  /** Hears of every evaluation: what is to be asked, measured and told follows from it. */
  consider(inputs: Inputs, report: NodeReport | null): void {
    this.#daemon?.consider(inputs)
    this.#probes?.consider(inputs).catch(this.#faultOf('probing'))
    this.#canary.consider(inputs)
    this.#observing.consider(inputs)
    if (report === null) return
    this.#reporting.then((it) => it?.consider(report, inputs.node)).catch(this.#faultOf('telling the cluster'))
  }

  isMeasuring(id: string): boolean {
    return this.#canary.isMeasuring(id)
  }

  /** As AgentState.measure. */
  measure(via: PullVia): { id: string } {
    return this.#canary.measure(via)
  }

  /** Ends everything but what tells the cluster, which the next one may go on with. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#inputs.stop()
    this.#probes?.stop()
    this.#observing.stop()
    void this.#cluster.then((it) => it?.stop())
    // Before its client is closed: what is under way is to leave nothing behind.
    const ended = Promise.all([this.#canary.stop(), this.#daemon?.endProofs()])
    await Promise.race([ended, delay(CANARY_GRACE_MS, undefined, { ref: false })])
    await this.#daemon?.stop()
  }

  /** Nobody goes on. */
  endReporting(): void {
    void this.#reporting.then((it) => it?.stop())
  }

  /** What the same daemon said before still counts. */
  #takeOver(before: NodeWatch): void {
    const [now, then] = [this.#options.config, before.#options.config]
    const isSameDaemon = now.containerd.socket === then.containerd.socket && now.host.root === then.host.root
    if (!isSameDaemon || before.#daemonAnswer === null) return
    this.#daemonAnswer = before.#daemonAnswer
    this.#reader.hear(before.#daemonAnswer)
  }

  #watchInputs(): InputWatcher {
    const { config, logger, onRead } = this.#options
    return new InputWatcher(this.#reader.parts, {
      rescan: config.watch.rescan,
      settle: config.watch.settle,
      onUnwatchable: (error) => logger.warn({ err: error }, 'a directory is not watched, only rescanned'),
      onRead,
      onChange: (names) => this.#tell(names),
    })
  }

  /** What an earlier configuration still hears counts no more. */
  #tell(names: readonly string[]): void {
    if (!this.#isStopped) this.#options.onChange(names)
  }

  #openDaemon(): Promise<OpenedDaemon> | null {
    const { host, containerd } = this.#options.config
    return containerd.socket === null ? null : this.#options.openDaemon(host.root, containerd.socket)
  }

  /** A fault of Pullpath itself ends what it happened in, and is never kept quiet. */
  #faultOf(what: string): (error: unknown) => void {
    return (error) => this.#options.logger.error({ err: error }, `${what} failed`)
  }

  #watchDaemon(): DaemonWatch | null {
    const { config, logger, turns } = this.#options
    if (this.#opened === null) return null
    return new DaemonWatch(config, this.#opened, turns, {
      onAnswer: (answer) => {
        this.#daemonAnswer = answer
        this.#reader.hear(answer)
        this.#inputs.nudge()
      },
      onProof: (proof) => {
        const { registry, outcome, words, duration } = proof
        const before = this.#reader.memory.proofs.find((it) => it.registry === registry)
        if (before?.outcome !== outcome) logger.info({ registry, outcome, words, duration }, 'containerd was asked')
        this.#reader.hearProof(proof)
        this.#tell(['proof'])
      },
      onWitness: (witness) => {
        this.#reader.hearWitness(witness)
        this.#tell(['proof'])
      },
      onFault: this.#faultOf('asking the daemon'),
    })
  }

  #startProbes(): ProbeRounds | null {
    if (this.#options.config.probe.interval === 0) return null
    const onFound = (found: Probes) => {
      this.#reader.hearProbes(found)
      this.#tell(['probe'])
    }
    const known = this.#reader.memory.probes
    return new ProbeRounds(this.#options.config, known, onFound, this.#faultOf('probing'))
  }

  #measureCanary(): CanaryRounds {
    const { config, turns, onMeasured } = this.#options
    return new CanaryRounds({
      config,
      client: this.#opened?.then((it) => it.client) ?? null,
      turns,
      leastPause: LEAST_PAUSE,
      nodes: this.#nodes,
      onPull: onMeasured,
      onFault: this.#faultOf('measuring the canary'),
    })
  }

  #observePulls(): Observing {
    const { config, onObserved } = this.#options
    return new Observing({
      config,
      client: this.#opened?.then((it) => it.client) ?? null,
      pulledEvents: this.#readPulledEvents(),
      nodes: this.#nodes,
      onPull: onObserved,
      onFault: this.#faultOf('observing pulls'),
    })
  }

  async #readPulledEvents(): Promise<PulledEvents | null> {
    const opened = await this.#kube
    if (opened.state !== 'open') return null
    const { pulledEvents } = await import('./kube/pulled-events.ts')
    return pulledEvents(opened.api)
  }

  /** Its code is loaded only where there is a cluster. */
  async #watchCluster(): Promise<ClusterWatch | null> {
    const opened = await this.#kube
    if (opened.state === 'off') {
      this.#reader.hearCluster(null)
      return null
    }
    const { watchCluster } = await import('./kube/watch-cluster.ts')
    const hear = (answer: ClusterAnswer) => {
      const { where } = answer.facts
      this.#spegelPlace = where && { namespace: where.namespace, name: where.daemonSet }
      if (this.#reader.hearCluster(answer)) this.#inputs.nudge()
    }
    return watchCluster(opened, this.#options.config, hear, this.#faultOf('watching the cluster'))
  }
}
