import { posix } from 'node:path'
import type { DaemonClient, Subscription } from '../containerd/client/daemon-client.ts'
import type { RunningDaemon } from '../containerd/running-daemon.ts'
import { type ErrorCode, PullpathError } from '../errors.ts'
import type { InputFailure } from '../input-failure.ts'
import { resolveHostPath } from './host-path.ts'

/** What the running daemon said when it was asked last. */
export interface DaemonAnswer {
  /** Kept while it does not answer; null: it never did. */
  running: RunningDaemon | null
  failure: InputFailure | null
}

/** A daemon that answers, but not yet everything, is asked again after so long. */
const AGAIN_MS = 2_000

/** The daemon as `openDaemon` opens it; a test may open another. */
export interface OpenedDaemon {
  client: DaemonClient
  readFacts(client: DaemonClient, now: () => Date): Promise<RunningDaemon>
}

/**
 * Keeps in touch with the running daemon, over its restarts and hangs: what it says of itself is asked for whenever it
 * comes up, since it reads its configuration only then. At most one call waits for a daemon that is silent.
 */
export class DaemonMonitor {
  readonly #opened: Promise<OpenedDaemon>
  readonly #onAnswer: (answer: DaemonAnswer) => void
  readonly #heard = Promise.withResolvers<void>()
  #subscription: Subscription | null = null
  #running: RunningDaemon | null = null
  #timer: NodeJS.Timeout | null = null
  /** Counts the times that the daemon came up or went down: what was asked before is of no interest any more. */
  #round = 0
  #isStopped = false

  constructor(opened: Promise<OpenedDaemon>, onAnswer: (answer: DaemonAnswer) => void) {
    this.#opened = opened
    this.#onAnswer = onAnswer
  }

  /** Resolves at the first answer, or when it is certain that there is none. */
  async start(): Promise<void> {
    const daemon = await this.#opened
    if (this.#isStopped) return
    // There is no such event: only whether the daemon is there matters here.
    this.#subscription = daemon.client.subscribe(['topic=="/pullpath"'], {
      onEvent: () => {},
      onUp: () => void this.#ask(daemon, this.#next()),
      onDown: (error) => {
        this.#next()
        this.#tell({ running: this.#running, failure: daemonFailure(error) })
      },
    })
    await this.#heard.promise
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#next()
    this.#heard.resolve()
    const { client } = await this.#opened
    this.#subscription?.close()
    client.close()
  }

  #next(): number {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    return ++this.#round
  }

  async #ask(daemon: OpenedDaemon, round: number): Promise<void> {
    const answer = await askDaemon(daemon, this.#running)
    if (round !== this.#round) return
    this.#running = answer.running
    this.#tell(answer)
    if (answer.failure !== null) this.#timer = setTimeout(() => void this.#ask(daemon, round), AGAIN_MS)
  }

  #tell(answer: DaemonAnswer): void {
    this.#onAnswer(answer)
    this.#heard.resolve()
  }
}

/** Asks once. `before`: what it said last, kept where it does not answer now. */
export async function askDaemon(
  { client, readFacts }: OpenedDaemon,
  before: RunningDaemon | null,
): Promise<DaemonAnswer> {
  try {
    const running = await readFacts(client, () => new Date())
    const { criFailure } = running
    if (criFailure === null) return { running, failure: null }
    return { running, failure: { reason: 'refused', message: `CRI does not work: ${criFailure.value}` } }
  } catch (error) {
    return { running: before, failure: daemonFailure(error) }
  }
}

/** Opens the client of the daemon that the node knows at `socket`. Its code is loaded only now. */
export async function openDaemon(hostRoot: string, socket: string): Promise<OpenedDaemon> {
  const [{ openDaemonClient }, { readDaemonFacts }] = await Promise.all([
    import('../containerd/client/grpc-daemon-client.ts'),
    import('../containerd/client/read-daemon-facts.ts'),
  ])
  // By its directory: a restart makes a new socket, and /run may be reached over a link.
  const directory = resolveHostPath(hostRoot, posix.dirname(socket))
  const place = directory.kind === 'found' ? directory.real : posix.join(hostRoot, posix.dirname(socket))
  return { client: openDaemonClient(posix.join(place, posix.basename(socket))), readFacts: readDaemonFacts }
}

const REASONS: Partial<Record<ErrorCode, InputFailure['reason']>> = {
  PP_DAEMON_UNREACHABLE: 'unreachable',
  PP_DAEMON_SILENT: 'silent',
  PP_DAEMON_UNFINISHED: 'silent',
  PP_DAEMON_PROTOCOL: 'protocol',
  PP_DAEMON_REFUSED: 'refused',
}

function daemonFailure(error: unknown): InputFailure {
  if (!(error instanceof PullpathError)) {
    return { reason: 'invalid', message: `a fault of Pullpath itself: ${String(error)}` }
  }
  return { reason: REASONS[error.code] ?? 'invalid', message: error.toLine() }
}
