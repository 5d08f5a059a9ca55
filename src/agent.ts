import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { type Logger, pino } from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import { canaryNodes } from './canary-nodes.ts'
import { clusterReporting } from './cluster-reporting.ts'
import { collectGarbage } from './collect-garbage.ts'
import type { Config } from './config/config.ts'
import { readConfigText } from './config/load-config.ts'
import type { Environment } from './config/placeholders.ts'
import { readConfig } from './config/read-config.ts'
import { readToken } from './config/token-file.ts'
import { peerSignature } from './containerd/endpoint-role.ts'
import { explain } from './containerd/explain.ts'
import type { Pull, PullChoice, PullVia } from './drift/pull.ts'
import type { NodeReport } from './drift/report.ts'
import { PullpathError } from './errors.ts'
import type { ClusterReports } from './kube/cluster-reports.ts'
import type { ClusterWatch } from './kube/cluster-watch.ts'
import { type OpenedKube, openKube } from './kube/open-kube.ts'
import { AgentMetrics } from './metrics/agent-metrics.ts'
import { TRIGGERS, type Trigger } from './metrics/catalogue.ts'
import { metricsPage } from './metrics/metrics-page.ts'
import { PullMetrics } from './metrics/pull-metrics.ts'
import { ReportMetrics } from './metrics/report-metrics.ts'
import { CanaryRounds } from './pull/canary-rounds.ts'
import type { ClusterNodes } from './pull/cluster-nodes.ts'
import { DaemonWatch } from './pull/daemon-watch.ts'
import { Observing } from './pull/observe-pulls.ts'
import { ProbeRounds } from './pull/probe-rounds.ts'
import { isNotMeasured } from './pull/pull-failure.ts'
import { PullHistory } from './pull/pull-history.ts'
import type { PulledEvents } from './pull/pulled-events.ts'
import { Turns } from './pull/turns.ts'
import type { AgentState } from './server/agent-state.ts'
import { build } from './server/build.ts'
import { listenError } from './server/listen-error.ts'
import { LEAST_PAUSE } from './server/pull-routes.ts'
import { configFilePart } from './watch/config-file.ts'
import { type DaemonAnswer, type OpenedDaemon, openDaemon } from './watch/daemon-monitor.ts'
import { type Evaluate, type Evaluation, Evaluator } from './watch/evaluator.ts'
import { InputReader } from './watch/input-reader.ts'
import { InputWatcher, type WatchedPart, type WatchOptions } from './watch/input-watcher.ts'
import type { Inputs } from './watch/inputs.ts'

/** What an agent is started with. */
export interface AgentOptions {
  configFile: string
  /** Fills `${NAME}` in the configuration; the process' own where it is not given. */
  env?: Environment
  /** JSON lines on standard output, at the configuration's level, where it is not given. */
  logger?: Logger
  /** The rules; a test may hand in its own. */
  evaluate?: Evaluate
  /** Opens containerd's socket; a test may hand in a daemon of its own. */
  openDaemon?: typeof openDaemon
  /** Opens the API server; a test may hand in one of its own. It never rejects. */
  openKube?: (config: Config) => Promise<OpenedKube>
}

/** A running agent. */
export interface Agent {
  /** Where it is served: `http://127.0.0.1:9478`. */
  url: string
  /** Reads the configuration file again at once; a wrong one is logged and the last good one stays. */
  reload(): void
  /** Ends watching and serving, within two seconds. */
  stop(): Promise<void>
}

const USER_AGENT = `pullpath/${packageJson.version}`
/** The first evaluation waits so long for the daemon: it answers in a few milliseconds, if it does. */
const DAEMON_GRACE_MS = 1000
/** And so long for the API server. */
const CLUSTER_GRACE_MS = 3000
/** A measurement or a proof under way gets so long to remove what it left in the daemon. */
const CANARY_GRACE_MS = 1000
/** Requests under way get so long to end. */
const STOP_GRACE_MS = 1500

/**
 * Starts an agent; resolves when it serves and its first evaluation is done.
 * Throws PP_CONFIG_INVALID, PP_FILE_UNREADABLE, PP_YAML_INVALID, PP_VERSION_INVALID, PP_VERSION_UNSUPPORTED and
 * PP_PORT_IN_USE.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const agent = new RunningAgent(options)
  await agent.start()
  return agent
}

class RunningAgent implements Agent, AgentState {
  readonly #options: AgentOptions
  readonly #logger: Logger
  readonly #evaluator: Evaluator
  readonly #agentMetrics = new AgentMetrics(packageJson.version)
  readonly #reportMetrics = new ReportMetrics()
  readonly #pullMetrics = new PullMetrics()
  readonly #history = new PullHistory()
  /** One measurement or proof at a time, whichever configuration began it. */
  readonly #turns = new Turns()
  readonly #app: ReturnType<typeof build>
  readonly #ready = Promise.withResolvers<void>()
  #configText: string
  #config: Config
  #reader: InputReader
  #opened: Promise<OpenedDaemon> | null
  #daemon: DaemonWatch | null
  #canary: CanaryRounds
  #observing: Observing
  #daemonAnswer: DaemonAnswer | null = null
  #probes: ProbeRounds | null
  #kube: Promise<OpenedKube>
  #nodes: Promise<ClusterNodes | null>
  #cluster: Promise<ClusterWatch | null>
  #reporting: Promise<ClusterReports | null>
  #inputsWatcher: InputWatcher
  #configWatcher: InputWatcher
  #inputs: Inputs | null = null
  #report: NodeReport | null = null
  #readAt = 0
  #isReloadRefused = false
  #triggers: readonly Trigger[] = ['start']
  #stopping: Promise<void> | null = null
  url = ''

  constructor(options: AgentOptions) {
    this.#options = options
    this.#configText = readConfigText(options.configFile)
    this.#config = this.#parse(this.#configText)
    this.#logger = options.logger ?? defaultLogger(this.#config.log.level)
    this.#evaluator = new Evaluator(options.evaluate)
    this.#reader = new InputReader(this.#config, { relative: false, memory: null })
    this.#inputsWatcher = this.#watchInputs()
    this.#configWatcher = this.#watchConfig()
    this.#opened = this.#openDaemon()
    this.#kube = this.#openKube()
    this.#nodes = canaryNodes(this.#config, this.#kube, this.#logger)
    this.#daemon = this.#watchDaemon()
    this.#probes = this.#startProbes()
    this.#canary = this.#measureCanary()
    this.#cluster = this.#watchCluster()
    this.#reporting = clusterReporting(this.#config, this.#kube, null, this.#logger)
    this.#observing = this.#observePulls()
    this.#agentMetrics.countReload(true, Date.now())
    this.#app = build(this, {
      version: packageJson.version,
      onError: (error) => this.#logger.error({ err: error }, 'a request failed'),
    })
  }

  async start(): Promise<void> {
    const { host, port } = this.#config.http
    try {
      this.url = await this.#app.listen({ host, port, listenTextResolver: (address) => address })
    } catch (error) {
      await this.#app.close()
      throw listenError(error, host, port)
    }
    await Promise.all([
      Promise.race([this.#daemon?.start(), delay(DAEMON_GRACE_MS, undefined, { ref: false })]),
      Promise.race([this.#cluster.then((it) => it?.start()), delay(CLUSTER_GRACE_MS, undefined, { ref: false })]),
    ])
    this.#inputsWatcher.start()
    this.#configWatcher.start()
    await this.#ready.promise
    this.#logger.info({ url: this.url, version: packageJson.version }, 'ready')
    setImmediate(collectGarbage)
  }

  report(): NodeReport | null {
    return this.#report && { ...this.#report, evaluatedAt: new Date(this.#readAt).toISOString() }
  }

  pulls(choice: PullChoice): readonly Pull[] {
    return this.#history.list(choice)
  }

  pull(id: string): Pull | null {
    return this.#history.find(id)
  }

  isMeasuring(id: string): boolean {
    return this.#canary.isMeasuring(id)
  }

  measure(via: PullVia): { id: string } {
    return this.#canary.measure(via)
  }

  token(): string | null {
    return readToken(this.#config.http.tokenFile)
  }

  stopping(): boolean {
    return this.#stopping !== null
  }

  explain(image: string) {
    if (this.#inputs === null) {
      throw new PullpathError('PP_NOT_READY', 'the inputs are not read yet', { advice: 'ask again in a second' })
    }
    const { intent, observed, daemon, node } = this.#inputs
    return explain(image, daemon, observed.view, peerSignature(intent.spegel, node.ip))
  }

  metrics(): Promise<{ contentType: string; body: string }> {
    return metricsPage([this.#reportMetrics, this.#pullMetrics, this.#agentMetrics], (error) => {
      this.#logger.error({ err: error }, 'some metrics could not be computed')
    })
  }

  reload(): void {
    if (this.#stopping === null) this.#reload(() => readConfigText(this.#options.configFile))
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    this.#inputsWatcher.stop()
    this.#configWatcher.stop()
    this.#probes?.stop()
    void this.#cluster.then((it) => it?.stop())
    void this.#reporting.then((it) => it?.stop())
    this.#observing.stop()
    // Before its client is closed: what is under way is to leave nothing behind.
    const ended = Promise.all([this.#canary.stop(), this.#daemon?.endProofs()])
    await Promise.race([ended, delay(CANARY_GRACE_MS, undefined, { ref: false })])
    await this.#daemon?.stop()
    const force = setTimeout(() => this.#app.server.closeAllConnections(), STOP_GRACE_MS)
    await this.#app.close()
    clearTimeout(force)
    this.#ready.resolve()
    this.#logger.info('stopped')
  }

  #parse(text: string): Config {
    const surroundings = { env: this.#options.env ?? process.env, hostname: hostname() }
    return readConfig(text, this.#options.configFile, surroundings)
  }

  #watch(parts: readonly WatchedPart[], heard: Pick<WatchOptions, 'onRead' | 'onChange'>): InputWatcher {
    const { rescan, settle } = this.#config.watch
    return new InputWatcher(parts, {
      rescan,
      settle,
      onUnwatchable: (error) => this.#logger.warn({ err: error }, 'a directory is not watched, only rescanned'),
      ...heard,
    })
  }

  #watchInputs(): InputWatcher {
    return this.#watch(this.#reader.parts, {
      onRead: () => {
        this.#readAt = Date.now()
        if (this.#inputs !== null) this.#agentMetrics.showInputs(this.#inputs.node.inputs, this.#readAt)
      },
      onChange: (names) => this.#evaluate(names),
    })
  }

  #openDaemon(): Promise<OpenedDaemon> | null {
    const { host, containerd } = this.#config
    return containerd.socket === null ? null : (this.#options.openDaemon ?? openDaemon)(host.root, containerd.socket)
  }

  #measureCanary(): CanaryRounds {
    return new CanaryRounds({
      config: this.#config,
      client: this.#opened?.then((it) => it.client) ?? null,
      turns: this.#turns,
      leastPause: LEAST_PAUSE,
      nodes: this.#nodes,
      onPull: (pull) => {
        const { id, image, via, source, duration, bytes, failure } = pull
        this.#history.add(pull)
        if (!isNotMeasured(failure)) this.#pullMetrics.count(pull)
        const { reason, message } = failure ?? {}
        if (failure === null) this.#logger.info({ pull: id, image, via, source, duration, bytes }, 'measured')
        else if (isNotMeasured(failure)) this.#logger.info({ pull: id, image, via, reason, message }, 'not measured')
        else this.#logger.warn({ pull: id, image, via, reason, message }, 'a measured pull failed')
      },
    })
  }

  #observePulls(): Observing {
    return new Observing({
      config: this.#config,
      client: this.#opened?.then((it) => it.client) ?? null,
      pulledEvents: this.#readPulledEvents(),
      nodes: this.#nodes,
      onPull: (pull) => {
        const { id, image, source, duration, bytes } = pull
        this.#history.add(pull)
        this.#pullMetrics.count(pull)
        this.#logger.info({ pull: id, image, source, duration, bytes }, 'observed')
      },
      onFault: (error) => this.#logger.error({ err: error }, 'observing pulls failed'),
    })
  }

  #watchDaemon(): DaemonWatch | null {
    if (this.#opened === null) return null
    return new DaemonWatch(this.#config, this.#opened, this.#turns, {
      onAnswer: (answer) => {
        this.#daemonAnswer = answer
        this.#reader.hear(answer)
        this.#inputsWatcher.nudge()
      },
      onProof: (proof) => {
        const { registry, outcome, words, duration } = proof
        const before = this.#reader.memory.proofs.find((it) => it.registry === registry)
        if (before?.outcome !== outcome)
          this.#logger.info({ registry, outcome, words, duration }, 'containerd was asked')
        this.#reader.hearProof(proof)
        this.#evaluate(['proof'])
      },
      onWitness: (witness) => {
        this.#reader.hearWitness(witness)
        this.#evaluate(['proof'])
      },
    })
  }

  #openKube(): Promise<OpenedKube> {
    const open = this.#options.openKube ?? (({ kubernetes }) => openKube(kubernetes.enabled, { userAgent: USER_AGENT }))
    return open(this.#config)
  }

  async #readPulledEvents(): Promise<PulledEvents | null> {
    const opened = await this.#kube
    if (opened.state !== 'open') return null
    const { pulledEvents } = await import('./kube/pulled-events.ts')
    return pulledEvents(opened.api)
  }

  /** What the cluster says counts for the reader that is in force now; its code is loaded only where there is one. */
  async #watchCluster(): Promise<ClusterWatch | null> {
    const [config, reader] = [this.#config, this.#reader]
    const opened = await this.#kube
    if (opened.state === 'off') {
      reader.hearCluster(null)
      return null
    }
    const { watchCluster } = await import('./kube/watch-cluster.ts')
    return watchCluster(opened, config, (answer) => {
      reader.hearCluster(answer)
      this.#inputsWatcher.nudge()
    })
  }

  #startProbes(): ProbeRounds | null {
    if (this.#config.probe.interval === 0) return null
    return new ProbeRounds(this.#config, this.#reader.memory.probes, (found) => {
      this.#reader.hearProbes(found)
      this.#evaluate(['probe'])
    })
  }

  #watchConfig(): InputWatcher {
    const part = configFilePart(this.#options.configFile, (text) => {
      if (text === null) this.reload()
      else if (text !== this.#configText || this.#isReloadRefused) this.#reload(() => text)
    })
    return this.#watch([part], { onRead: () => {}, onChange: () => {} })
  }

  #evaluate(names: readonly string[]): void {
    const triggers = this.#triggers.length > 0 ? this.#triggers : TRIGGERS.filter((it) => names.includes(it))
    this.#triggers = []
    this.#inputs = this.#reader.inputs(Date.now())
    const evaluation = this.#evaluator.run(this.#inputs)
    this.#agentMetrics.countEvaluation(triggers, evaluation.duration)
    this.#agentMetrics.showInputs(this.#inputs.node.inputs, this.#readAt)
    this.#report = evaluation.report
    if (this.#report !== null) this.#show(this.#report, this.#inputs)
    this.#log(evaluation, this.#inputs)
    void this.#daemon?.consider(this.#inputs)
    void this.#probes?.consider(this.#inputs)
    this.#canary.consider(this.#inputs)
    this.#observing.consider(this.#inputs)
    this.#ready.resolve()
  }

  #show(report: NodeReport, { node }: Inputs): void {
    this.#reportMetrics.show(report)
    void this.#reporting.then((it) => it?.consider(report, node))
  }

  #log({ appeared, cleared, inputs, error }: Evaluation, { failures }: Inputs): void {
    if (error !== null) this.#logger.error({ err: error }, 'the evaluation failed: what is shown is stale')
    for (const { input, up, message } of inputs) {
      const failure = failures.get(input)
      if (failure !== undefined) this.#agentMetrics.countInputError(input, failure.reason)
      if (up) this.#logger.info({ input }, 'input up')
      else this.#logger.warn({ input, reason: message }, 'input down')
    }
    for (const { id, severity, summary, cause } of appeared) {
      this.#logger.warn({ finding: id, severity, summary, cause: cause.text }, 'finding appeared')
    }
    for (const { id, since } of cleared) this.#logger.info({ finding: id, since }, 'finding cleared')
  }

  /** Puts a new configuration in force, or throws and changes nothing. */
  #take(text: string): void {
    const config = this.#parse(text)
    const reader = new InputReader(config, { relative: false, memory: this.#reader.memory })
    this.#inputsWatcher.stop()
    this.#configWatcher.stop()
    const { host, port } = this.#config.http
    const isSameDaemon =
      config.containerd.socket === this.#config.containerd.socket && config.host.root === this.#config.host.root
    if (host !== config.http.host || port !== config.http.port) {
      this.#logger.warn('http.host and http.port stay as they are until a restart')
    }
    this.#configText = text
    this.#config = config
    this.#isReloadRefused = false
    this.#reader = reader
    this.#triggers = ['config']
    if (this.#options.logger === undefined) this.#logger.level = config.log.level
    this.#agentMetrics.countReload(true, Date.now())
    this.#logger.info({ file: this.#options.configFile }, 'configuration reloaded')
    this.#inputsWatcher = this.#watchInputs()
    this.#configWatcher = this.#watchConfig()
    this.#probes?.stop()
    this.#probes = this.#startProbes()
    this.#observing.stop()
    const [canary, daemon] = [this.#canary, this.#daemon]
    void Promise.all([canary.stop(), daemon?.endProofs()]).then(() => daemon?.stop())
    this.#opened = this.#openDaemon()
    this.#kube = this.#openKube()
    this.#nodes = canaryNodes(this.#config, this.#kube, this.#logger)
    if (isSameDaemon && this.#daemonAnswer !== null) reader.hear(this.#daemonAnswer)
    this.#daemon = this.#watchDaemon()
    this.#canary = this.#measureCanary()
    void this.#cluster.then((it) => it?.stop())
    this.#cluster = this.#watchCluster()
    void this.#cluster.then((it) => it?.start())
    this.#reporting = clusterReporting(config, this.#kube, this.#reporting, this.#logger)
    this.#observing = this.#observePulls()
    void this.#daemon?.start()
    this.#inputsWatcher.start()
    this.#configWatcher.start()
  }

  #reload(read: () => string): void {
    try {
      this.#take(read())
    } catch (error) {
      if (!(error instanceof PullpathError)) throw error
      this.#isReloadRefused = true
      this.#agentMetrics.countReload(false, Date.now())
      this.#logger.error({ reason: error.toLine() }, 'the configuration was not reloaded: the last good one stays')
    }
  }
}

function defaultLogger(level: string): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  })
}
