import { uptime } from 'node:os'
import type { Config } from '../config/config.ts'
import type { WitnessComparison } from '../containerd/witness-comparison.ts'
import type { ClusterAnswer, ClusterFacts } from '../drift/cluster-facts.ts'
import { isSameCluster } from '../drift/cluster-news.ts'
import { isFresh, NOTHING_PROBED, type Probes } from '../drift/probes.ts'
import type { InputReport } from '../drift/report.ts'
import type { ResolveProof } from '../drift/resolve-proof.ts'
import type { IntentFile } from '../format/yaml-documents.ts'
import { viewOf } from '../hosts/file-view.ts'
import { treeFingerprint } from '../hosts/fingerprint.ts'
import type { TreeNode } from '../hosts/tree.ts'
import type { InputFailure } from '../input-failure.ts'
import type { Intent } from '../intent/intent.ts'
import { readIntent } from '../intent/read-intent.ts'
import { parseVersion, type Version } from '../version.ts'
import { DaemonReader, type DaemonReading } from './daemon-facts.ts'
import type { DaemonAnswer } from './daemon-monitor.ts'
import { areSameTrees, type HostsTrees, HostsTreesReader } from './hosts-trees.ts'
import type { WatchedPart } from './input-watcher.ts'
import type { InputName, Inputs } from './inputs.ts'
import { IntentFilesReader, type IntentFilesReading } from './intent-files.ts'
import { IntentHalf, type IntentHalfReading } from './intent-half.ts'

/** How inputs are read. */
export interface InputOptions {
  /** Whether relative paths of intent files are allowed: on a command line, not in a configuration. */
  relative: boolean
  /** What an earlier reader of this node knew; null: there was none. */
  memory: InputMemory | null
}

/** What must not be lost when the configuration changes. */
export interface InputMemory {
  /** See NodeFacts. */
  spegelLastSeenAt: string | null
  proofs: readonly ResolveProof[]
  witnesses: readonly WitnessComparison[]
  probes: Probes
  /** The last good intent, each half as it was read; null: there was none. */
  talos: Intent | null
  spegel: Intent | null
  /** What was heard of the cluster; null: it is not asked, or nothing was heard yet. */
  cluster: ClusterAnswer | null
}

const NOTHING: Intent = { talos: null, spegel: null, problems: [], notes: [] }
const UNREAD: TreeNode = { kind: 'unreadable', code: 'NOT_SEEN', message: 'not read yet' }

/** Reads everything that the configuration names, part by part, and puts an evaluation's inputs together from it. */
export class InputReader {
  readonly #config: Config
  readonly #bootedAt = new Date(Math.round(Date.now() / 1000 - uptime()) * 1000).toISOString()
  readonly #daemonReader: DaemonReader
  /** As last read: it says which hosts directories there are, before it is accepted itself. */
  #rawDaemon: DaemonReading
  #daemon: DaemonReading
  #trees: HostsTrees = new Map()
  #isSpegelThere = false
  #spegelLastSeenAt: string | null
  #talos: IntentHalfReading = { intent: null, failure: null }
  #spegel: IntentHalfReading = { intent: null, failure: null }
  #proofs: readonly ResolveProof[]
  #witnesses: readonly WitnessComparison[]
  #probes: Probes
  /** As last heard, as last heard with something that rules go by, and as accepted. */
  #heardCluster: ClusterAnswer | null
  #clusterNews: ClusterAnswer | null
  #cluster: ClusterAnswer | null
  #joined: { talos: Intent; spegel: Intent; intent: Intent } | null = null
  /** What is read and when it is accepted; `readInputs` and the agent's watcher drive it. */
  readonly parts: readonly WatchedPart[]

  /** Throws PP_VERSION_INVALID and PP_VERSION_UNSUPPORTED for versions in the configuration. */
  constructor(config: Config, options: InputOptions) {
    this.#config = config
    this.#spegelLastSeenAt = options.memory?.spegelLastSeenAt ?? null
    this.#proofs = options.memory?.proofs ?? []
    this.#witnesses = options.memory?.witnesses ?? []
    this.#probes = config.probe.interval === 0 ? NOTHING_PROBED : (options.memory?.probes ?? NOTHING_PROBED)
    this.#heardCluster = options.memory?.cluster ?? null
    this.#clusterNews = this.#heardCluster
    this.#cluster = this.#heardCluster
    this.#daemonReader = new DaemonReader(config)
    this.#daemonReader.hearNode(this.#cluster?.facts.node?.containerd ?? null)
    this.#rawDaemon = this.#daemonReader.read().value
    this.#daemon = this.#rawDaemon
    this.parts = [this.#daemonPart(), this.#hostsPart(), ...this.#intentParts(options), this.#clusterPart()]
  }

  /** Takes what the daemon proved last, in the place of what it had proved for that registry. */
  hearProof(proof: ResolveProof): void {
    this.#proofs = [...this.#proofs.filter((it) => it.registry !== proof.registry), proof]
  }

  /** Takes what the daemon showed of its requests last, in the same manner. */
  hearWitness(witness: WitnessComparison): void {
    this.#witnesses = [...this.#witnesses.filter((it) => it.registry !== witness.registry), witness]
  }

  /** Takes all that was answered over HTTP, in the place of what was. */
  hearProbes(probes: Probes): void {
    this.#probes = probes
  }

  /** Takes what the running daemon said last; it counts from the next reading on. */
  hear(answer: DaemonAnswer): void {
    this.#daemonReader.hear(answer)
  }

  /**
   * Takes all that is known of the cluster; it counts from the next reading on. null: it is not asked any more. Returns
   * whether there is a reason for one.
   */
  hearCluster(answer: ClusterAnswer | null): boolean {
    this.#heardCluster = answer
    if (isSameCluster(answer, this.#clusterNews)) return false
    this.#clusterNews = answer
    this.#daemonReader.hearNode(answer?.facts.node?.containerd ?? null)
    return true
  }

  /** As last heard; null: it is not asked, or nothing was heard yet. */
  get cluster(): ClusterFacts | null {
    return this.#heardCluster?.facts ?? null
  }

  get memory(): InputMemory {
    return {
      spegelLastSeenAt: this.#spegelLastSeenAt,
      proofs: this.#proofs,
      witnesses: this.#witnesses,
      probes: this.#probes,
      talos: this.#talos.intent,
      spegel: this.#spegel.intent,
      cluster: this.#heardCluster,
    }
  }

  /** The inputs as last accepted. `now`: milliseconds since the epoch. */
  inputs(now: number): Inputs {
    const { node, intent, containerd } = this.#config
    const hosts = this.#trees.get(containerd.hostsDir) ?? UNREAD
    const time = new Date(now).toISOString()
    const { spegel } = this.#probes
    const asked = spegel !== null && isFresh(spegel, time) ? spegel : null
    const failures = this.#failures(hosts, asked)
    return {
      intent: this.#intent(),
      observed: { hosts, view: viewOf(this.#trees) },
      daemon: this.#daemon.facts,
      node: {
        name: node.name,
        ip: node.ip,
        now: time,
        bootedAt: this.#bootedAt,
        spegelLastSeenAt: this.#spegelLastSeenAt,
        inputs: this.#configuredInputs(asked).map((input): InputReport => {
          const failure = failures.get(input)
          return { input, up: failure === undefined, message: failure?.message ?? '' }
        }),
        proofs: this.#proofs,
        witnesses: this.#witnesses,
        probes: this.#probes,
        cluster: this.#cluster?.facts ?? null,
        imageCache: intent.talos.imageCache,
      },
      failures,
    }
  }

  /** One object as long as neither half changes: an evaluation remembers with it what follows from it. */
  #intent(): Intent {
    const [talos, spegel] = [this.#talos.intent ?? NOTHING, this.#spegel.intent ?? NOTHING]
    if (this.#joined?.talos !== talos || this.#joined.spegel !== spegel) {
      const intent: Intent = {
        talos: talos.talos,
        spegel: spegel.spegel,
        problems: [...talos.problems, ...spegel.problems],
        notes: [...talos.notes, ...spegel.notes],
      }
      this.#joined = { talos, spegel, intent }
    }
    return this.#joined.intent
  }

  #failures(hosts: TreeNode, spegel: Probes['spegel']): Map<InputName, InputFailure> {
    const found: readonly (readonly [InputName, InputFailure | null])[] = [
      ['hosts', hostsFailure(hosts, this.#config.containerd.hostsDir)],
      ['containerd', this.#daemon.failure],
      ['intent_talos', this.#talos.failure],
      ['intent_spegel', this.#spegel.failure ?? this.#nothingNamed()],
      ['kube', this.#cluster?.failure ?? null],
      ['spegel', spegel?.ready === null ? { reason: 'unreachable', message: spegel.words } : null],
    ]
    return new Map(found.flatMap(([input, failure]) => (failure === null ? [] : [[input, failure] as const])))
  }

  #nothingNamed(): InputFailure | null {
    const { from, values } = this.#config.intent.spegel
    if (from === 'none' || values.length > 0 || this.#spegel.intent !== null) return null
    return { reason: 'unreadable', message: 'intent.spegel.values names no file' }
  }

  #configuredInputs(spegelHealth: Probes['spegel']): InputName[] {
    const { intent, containerd } = this.#config
    return [
      'hosts',
      ...(containerd.configFile === null && containerd.socket === null ? [] : (['containerd'] as const)),
      ...(intent.talos.patches.length === 0 ? [] : (['intent_talos'] as const)),
      ...(intent.spegel.from === 'none' ? [] : (['intent_spegel'] as const)),
      ...(this.#cluster === null ? [] : (['kube'] as const)),
      ...(spegelHealth === null ? [] : (['spegel'] as const)),
    ]
  }

  #daemonPart(): WatchedPart {
    return part<DaemonReading>({
      name: 'containerd',
      read: () => {
        const reading = this.#daemonReader.read()
        this.#rawDaemon = reading.value
        return reading
      },
      isSame: (a, b) => a === b,
      accept: (reading) => {
        this.#daemon = reading
      },
    })
  }

  #hostsPart(): WatchedPart {
    const { host, containerd } = this.#config
    const reader = new HostsTreesReader(host.root, containerd.hostsDir)
    return part<HostsTrees>({
      name: 'hosts',
      read: () => {
        const reading = reader.read(this.#rawDaemon.facts.configPath)
        if (this.#isSpegelThere && areSameTrees(reading.value, this.#trees)) this.#sawSpegel()
        return reading
      },
      isSame: areSameTrees,
      accept: (trees) => {
        this.#trees = trees
        this.#isSpegelThere = treeFingerprint(trees.get(containerd.hostsDir) ?? UNREAD).spegel.files.length > 0
        if (this.#isSpegelThere) this.#sawSpegel()
      },
    })
  }

  #sawSpegel(): void {
    this.#spegelLastSeenAt = new Date().toISOString()
  }

  #intentParts(options: InputOptions): WatchedPart[] {
    const { talos, spegel } = this.#config.intent
    const talosVersion = versionOrNull(talos.version)
    const spegelVersion = versionOrNull(spegel.version)
    const readTalos = (files: readonly IntentFile[]) => {
      return readIntent({ talosFiles: files, spegelFiles: [], talosVersion, spegelVersion })
    }
    const readSpegel = (files: readonly IntentFile[]) => {
      return readIntent({ talosFiles: [], spegelFiles: files, talosVersion, spegelVersion })
    }
    const takeTalos = (reading: IntentHalfReading) => {
      this.#talos = reading
    }
    const takeSpegel = (reading: IntentHalfReading) => {
      this.#spegel = reading
    }
    const { from } = spegel
    const values = from === 'none' ? [] : spegel.values
    const halves = {
      talos: new IntentHalf(readTalos, options.memory?.talos ?? null),
      spegel: new IntentHalf(readSpegel, options.memory?.spegel ?? null),
    }
    const live = from === 'daemonset' || from === 'helmrelease' ? () => this.#heardCluster?.spegel ?? null : () => null
    return [
      intentPart('intent_talos', new IntentFilesReader(talos.patches, options), halves.talos, () => null, takeTalos),
      intentPart('intent_spegel', new IntentFilesReader(values, options), halves.spegel, live, takeSpegel),
    ]
  }

  #clusterPart(): WatchedPart {
    return part<ClusterAnswer | null>({
      name: 'kube',
      read: () => ({ value: this.#clusterNews, directories: [] }),
      isSame: (a, b) => a === b,
      accept: (answer) => {
        this.#cluster = answer
      },
    })
  }
}

/**
 * One half of the intent. `live`: what the cluster says of it; null: it is not asked, so that the files alone count. Where
 * the cluster has not said it yet the files serve, if there are any.
 */
function intentPart(
  name: InputName,
  files: IntentFilesReader,
  half: IntentHalf,
  live: () => ClusterAnswer['spegel'],
  take: (reading: IntentHalfReading) => void,
): WatchedPart {
  return part<{ files: IntentFilesReading; live: ClusterAnswer['spegel'] }>({
    name,
    read: () => {
      const value = files.read()
      return { value: { files: value, live: live() }, directories: value.directories }
    },
    isSame: (a, b) => a.files === b.files && isSameLive(a.live, b.live),
    accept: (reading) => {
      if (reading.live !== null && reading.live.intent !== null) return take(reading.live)
      const written = half.take(reading.files)
      const isWritten = written.intent !== null && written.failure === null && reading.files.files.length > 0
      take(isWritten || reading.live === null ? written : { intent: written.intent, failure: reading.live.failure })
    },
  })
}

function isSameLive(a: ClusterAnswer['spegel'], b: ClusterAnswer['spegel']): boolean {
  return a?.intent === b?.intent && a?.failure?.message === b?.failure?.message
}

/** Parts of different types stand in one list: each only ever meets its own readings. */
function part<T>(typed: {
  name: string
  read(): { value: T; directories: readonly string[] }
  isSame(a: T, b: T): boolean
  accept(value: T): void
}): WatchedPart {
  return {
    name: typed.name,
    read: () => typed.read(),
    isSame: (a, b) => typed.isSame(a as T, b as T),
    accept: (value) => typed.accept(value as T),
  }
}

function hostsFailure(hosts: TreeNode, hostsDir: string): InputFailure | null {
  if (hosts.kind === 'directory') return null
  const what = hosts.kind === 'file' ? 'is a file, not a directory' : hosts.message
  return { reason: 'unreadable', message: `${hostsDir}: ${what}` }
}

function versionOrNull(text: string | null): Version | null {
  return text === null ? null : parseVersion(text)
}
