import { hostname } from 'node:os'
import { type Logger, pino } from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import { collectGarbage } from './collect-garbage.ts'
import type { Config } from './config/config.ts'
import { readConfigText } from './config/load-config.ts'
import type { Environment } from './config/placeholders.ts'
import { readConfig } from './config/read-config.ts'
import { readToken } from './config/token-file.ts'
import { peerSignature } from './containerd/endpoint-role.ts'
import { explain } from './containerd/explain.ts'
import { kubernetesReport } from './drift/kubernetes-report.ts'
import type { Pull, PullChoice, PullVia } from './drift/pull.ts'
import type { NodeReport } from './drift/report.ts'
import { PullpathError } from './errors.ts'
import { type OpenedKube, openKube } from './kube/open-kube.ts'
import { AgentMetrics } from './metrics/agent-metrics.ts'
import { TRIGGERS, type Trigger } from './metrics/catalogue.ts'
import { metricsPage } from './metrics/metrics-page.ts'
import { PullMetrics } from './metrics/pull-metrics.ts'
import { ReportMetrics } from './metrics/report-metrics.ts'
import { NodeWatch } from './node-watch.ts'
import { isNotMeasured } from './pull/pull-failure.ts'
import { PullHistory } from './pull/pull-history.ts'
import { Turns } from './pull/turns.ts'
import type { AgentState } from './server/agent-state.ts'
import { build } from './server/build.ts'
import { listenError } from './server/listen-error.ts'
import { configFilePart } from './watch/config-file.ts'
import { openDaemon } from './watch/daemon-monitor.ts'
import { type Evaluate, type Evaluation, Evaluator } from './watch/evaluator.ts'
import { InputWatcher } from './watch/input-watcher.ts'
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
  #watch: NodeWatch
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
    this.#watch = this.#watchNode(this.#config, null)
    this.#configWatcher = this.#watchConfig()
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
    this.#configWatcher.start()
    await this.#watch.start()
    await this.#ready.promise
    this.#logger.info({ url: this.url, version: packageJson.version }, 'ready')
    setImmediate(collectGarbage)
  }

  report(): NodeReport | null {
    const kubernetes = kubernetesReport(this.#watch.cluster)
    return this.#report && { ...this.#report, kubernetes, evaluatedAt: new Date(this.#readAt).toISOString() }
  }

  pulls(choice: PullChoice): readonly Pull[] {
    return this.#history.list(choice)
  }

  pull(id: string): Pull | null {
    return this.#history.find(id)
  }

  isMeasuring(id: string): boolean {
    return this.#watch.isMeasuring(id)
  }

  measure(via: PullVia): { id: string } {
    return this.#watch.measure(via)
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
    this.#configWatcher.stop()
    this.#watch.endReporting()
    await this.#watch.stop()
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

  /** Throws as the configuration does, and changes nothing then. */
  #watchNode(config: Config, before: NodeWatch | null): NodeWatch {
    return new NodeWatch({
      config,
      before,
      logger: this.#logger,
      turns: this.#turns,
      openDaemon: this.#options.openDaemon ?? openDaemon,
      openKube: this.#options.openKube ?? (({ kubernetes }) => openKube(kubernetes.enabled, { userAgent: USER_AGENT })),
      onRead: () => {
        this.#readAt = Date.now()
        if (this.#inputs !== null) this.#agentMetrics.showInputs(this.#inputs.node.inputs, this.#readAt)
      },
      onChange: (names) => this.#evaluate(names),
      onMeasured: (pull) => {
        const { id, image, via, source, duration, bytes, failure } = pull
        this.#history.add(pull)
        if (!isNotMeasured(failure)) this.#pullMetrics.count(pull)
        const { reason, message } = failure ?? {}
        if (failure === null) this.#logger.info({ pull: id, image, via, source, duration, bytes }, 'measured')
        else if (isNotMeasured(failure)) this.#logger.info({ pull: id, image, via, reason, message }, 'not measured')
        else this.#logger.warn({ pull: id, image, via, reason, message }, 'a measured pull failed')
      },
      onObserved: (pull) => {
        const { id, image, source, duration, bytes } = pull
        this.#history.add(pull)
        this.#pullMetrics.count(pull)
        this.#logger.info({ pull: id, image, source, duration, bytes }, 'observed')
      },
    })
  }

  #watchConfig(): InputWatcher {
    const part = configFilePart(this.#options.configFile, (text) => {
      if (text === null) this.reload()
      else if (text !== this.#configText || this.#isReloadRefused) this.#reload(() => text)
    })
    const { rescan, settle } = this.#config.watch
    return new InputWatcher([part], {
      rescan,
      settle,
      onUnwatchable: (error) => this.#logger.warn({ err: error }, 'a directory is not watched, only rescanned'),
      onRead: () => {},
      onChange: () => {},
    })
  }

  #evaluate(names: readonly string[]): void {
    const triggers = this.#triggers.length > 0 ? this.#triggers : TRIGGERS.filter((it) => names.includes(it))
    this.#triggers = []
    this.#inputs = this.#watch.inputs(Date.now())
    const evaluation = this.#evaluator.run(this.#inputs)
    this.#agentMetrics.countEvaluation(triggers, evaluation.duration)
    this.#agentMetrics.showInputs(this.#inputs.node.inputs, this.#readAt)
    this.#report = evaluation.report
    if (this.#report !== null) this.#reportMetrics.show(this.#report)
    this.#log(evaluation, this.#inputs)
    this.#watch.consider(this.#inputs, this.#report)
    this.#ready.resolve()
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
    const [before, next] = [this.#watch, this.#watchNode(config, this.#watch)]
    const { host, port } = this.#config.http
    if (host !== config.http.host || port !== config.http.port) {
      this.#logger.warn('http.host and http.port stay as they are until a restart')
    }
    this.#configText = text
    this.#config = config
    this.#isReloadRefused = false
    this.#triggers = ['config']
    if (this.#options.logger === undefined) this.#logger.level = config.log.level
    this.#agentMetrics.countReload(true, Date.now())
    this.#logger.info({ file: this.#options.configFile }, 'configuration reloaded')
    void before.stop()
    this.#watch = next
    void next.start()
    this.#configWatcher.stop()
    this.#configWatcher = this.#watchConfig()
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
