import type { Config } from '../config/config.ts'
import {
  type ClusterAnswer,
  type ClusterFacts,
  type Heard,
  type KubernetesNode,
  present,
} from '../drift/cluster-facts.ts'
import { parseVersion, type Version } from '../version.ts'
import { type KubeClock, systemClock } from './clock.ts'
import { type FailedRequest, kubeFailure } from './cluster-failure.ts'
import { type DaemonSetReading, readDaemonSet, selectorText } from './daemonset-object.ts'
import { asKubeError } from './failure.ts'
import { Followed } from './followed.ts'
import { type ReleaseReading, readHelmRelease, type Sources, sourcesKey, sourcesOf } from './helmrelease-object.ts'
import { type KubeApi, KubeError, type KubeFailure, type KubeObject } from './kube-api.ts'
import { LiveIntent } from './live-intent.ts'
import { readNode } from './node-object.ts'
import { readPods } from './pod-object.ts'
import { readSources } from './read-sources.ts'
import { SpegelIntentReader } from './spegel-intent-reader.ts'
import { daemonSetOf, daemonSetOfRelease, isSamePlace, type ObjectPlace } from './spegel-place.ts'

/** A Node's object changes with every heartbeat: it is read now and then, never followed. A quarter of it is chance. */
const NODE_EVERY_MS = 4 * 3_600_000
/** What could not be read is asked for again. */
const AGAIN_MS = 10 * 60_000
/** Every chart that is supported gives this to its pods; more is known once the DaemonSet is. */
const POD_LABELS = { 'app.kubernetes.io/name': 'spegel' }
const NO_SOURCES: Sources = { objects: [], unread: [] }

export interface ClusterWatchOptions {
  config: Config
  api: KubeApi
  /** Hears all that is known, whenever something of it changed; at first that nothing is. */
  onAnswer(answer: ClusterAnswer): void
  /** Hears of a fault of Pullpath itself: what is heard next is read again. */
  onFault(error: unknown): void
  clock?: KubeClock
}

/**
 * Follows what in the cluster concerns this node: Spegel's DaemonSet, its pods on this node, and the HelmRelease that
 * Flux makes it from, each by a selector; the Node and what the HelmRelease names are read when there is a reason to.
 */
export class ClusterWatch {
  readonly #config: Config
  readonly #api: KubeApi
  readonly #clock: KubeClock
  readonly #onAnswer: (answer: ClusterAnswer) => void
  readonly #onFault: (error: unknown) => void
  readonly #version: Version | null
  readonly #end = new AbortController()
  readonly #complete = Promise.withResolvers<void>()
  readonly #daemonSet: Followed<DaemonSetReading | 'absent'>
  readonly #pods: Followed<ClusterFacts['pods']['value'] & {}>
  readonly #release: Followed<ReleaseReading | 'absent'>
  #place: ObjectPlace
  #releasePlace: ObjectPlace | null
  readonly #intents = { daemonSet: new SpegelIntentReader(), release: new SpegelIntentReader() }
  #sources = { key: '', asked: '', read: NO_SOURCES }
  /** The HelmRelease together with all that it names, as last read; null: not yet. */
  #wholeRelease: ReleaseReading | 'absent' | null = null
  #hadPods = false
  #node: KubernetesNode | null = null
  #nodeFailure: KubeFailure | null = null
  #isNodeAsked = false
  #cancelNode = () => {}
  #cancelSources = () => {}
  readonly #live = new LiveIntent()

  constructor({ config, api, onAnswer, onFault, clock = systemClock }: ClusterWatchOptions) {
    const { spegel } = config.intent
    this.#config = config
    this.#api = api
    this.#clock = clock
    this.#onAnswer = onAnswer
    this.#onFault = onFault
    this.#version = spegel.version === null ? null : parseVersion(spegel.version)
    this.#place = daemonSetOf(spegel.namespace, spegel.name)
    this.#releasePlace = spegel.from === 'helmrelease' ? { namespace: spegel.namespace, name: spegel.name } : null
    const hear = () => this.#hear()
    this.#daemonSet = new Followed(api, (objects) => this.#readDaemonSet(objects), hear, onFault)
    this.#pods = new Followed(api, (objects) => readPods(objects, this.#place.name), hear, onFault)
    this.#release = new Followed(api, (objects) => this.#readRelease(objects), hear, onFault)
  }

  /** Fulfilled when everything was heard once, or why not. */
  start(): Promise<void> {
    this.#attempt(() => this.#tell())
    this.#readNode()
    this.#hear()
    return this.#complete.promise
  }

  stop(): void {
    this.#end.abort()
    this.#cancelNode()
    this.#cancelSources()
    for (const it of [this.#daemonSet, this.#pods, this.#release]) it.stop()
    this.#complete.resolve()
  }

  get #isSpegelWanted(): boolean {
    return this.#config.intent.spegel.from !== 'none'
  }

  #hear(): void {
    if (this.#end.signal.aborted) return
    this.#attempt(() => {
      if (this.#isSpegelWanted) this.#followAll()
      this.#tell()
    })
    if (this.#isComplete) this.#complete.resolve()
  }

  /** Whoever brought the news goes on whatever comes of it. */
  #attempt(task: () => void): void {
    try {
      task()
    } catch (error) {
      this.#onFault(error)
    }
  }

  get #isComplete(): boolean {
    if (this.#node === null && this.#nodeFailure === null) return false
    if (!this.#isSpegelWanted) return true
    const isReleaseHeard = this.#releasePlace === null || (this.#release.isHeard && !this.#isReadingSources)
    return this.#daemonSet.isHeard && this.#pods.isHeard && isReleaseHeard
  }

  get #isReadingSources(): boolean {
    return this.#sources.asked !== this.#sources.key
  }

  /** What is known decides what is followed further: each of these does nothing where that has not changed. */
  #followAll(): void {
    if (this.#config.intent.spegel.from === 'helmrelease' && this.#releasePlace !== null) {
      // It says where the DaemonSet is: elsewhere there is none.
      this.#followRelease(this.#releasePlace)
      if (!this.#release.isHeard) return
      const release = this.#release.objects?.[0]
      if (release !== undefined) this.#moveTo(daemonSetOfRelease(release, this.#releasePlace))
    }
    const { namespace, name } = this.#place
    this.#daemonSet.follow(`/apis/apps/v1/namespaces/${namespace}/daemonsets`, {
      fieldSelector: `metadata.name=${name}`,
    })
    const daemonSet = present(this.#daemonSet.heard)
    if (this.#config.intent.spegel.from !== 'helmrelease' && daemonSet !== null) {
      if (!isSamePlace(this.#releasePlace, daemonSet.release)) this.#forgetRelease()
      this.#releasePlace = daemonSet.release
    }
    if (this.#daemonSet.isHeard) {
      const labels =
        daemonSet === null || Object.keys(daemonSet.matchLabels).length === 0 ? POD_LABELS : daemonSet.matchLabels
      // A DaemonSet that is deleted leaves the selector as it was.
      if (daemonSet !== null || this.#pods.path === null) {
        this.#pods.follow(`/api/v1/namespaces/${namespace}/pods`, {
          fieldSelector: `spec.nodeName=${this.#config.node.name}`,
          labelSelector: selectorText(labels),
        })
      }
      // Whether a taint or a label keeps it away may have changed.
      const hasPods = (this.#pods.heard.value ?? []).length > 0
      if (this.#hadPods && !hasPods) this.#readNode()
      this.#hadPods = hasPods
    }
    if (this.#releasePlace !== null) this.#followRelease(this.#releasePlace)
  }

  /** Pods of the DaemonSet that was looked for before are not those of this one. */
  #moveTo(place: ObjectPlace): void {
    if (isSamePlace(place, this.#place)) return
    this.#place = place
    this.#pods.stop()
  }

  #forgetRelease(): void {
    this.#release.stop()
    this.#sources = { key: '', asked: '', read: NO_SOURCES }
    this.#wholeRelease = null
  }

  #followRelease({ namespace, name }: ObjectPlace): void {
    const path = `/apis/helm.toolkit.fluxcd.io/v2/namespaces/${namespace}/helmreleases`
    this.#release.follow(path, { fieldSelector: `metadata.name=${name}` })
    const release = this.#release.objects?.[0]
    if (release !== undefined) this.#readSourcesOf(release)
  }

  #readDaemonSet(objects: readonly KubeObject[]): DaemonSetReading | 'absent' {
    const [object] = objects
    return object === undefined ? 'absent' : readDaemonSet(object, this.#place, this.#intents.daemonSet, this.#version)
  }

  #readRelease(objects: readonly KubeObject[]): ReleaseReading | 'absent' {
    const [object] = objects
    const place = this.#releasePlace
    if (object === undefined || place === null) return 'absent'
    return readHelmRelease(object, place, this.#sources.read, this.#intents.release, this.#version)
  }

  #readSourcesOf(release: KubeObject): void {
    const place = this.#releasePlace
    const key = sourcesKey(release)
    if (place === null || this.#sources.asked === key) return
    this.#sources.asked = key
    const wanted = sourcesOf(release, place)
    if (wanted.length === 0) {
      this.#sources = { key, asked: key, read: NO_SOURCES }
      this.#release.again()
      return
    }
    void readSources(this.#api, wanted, this.#end.signal).then(
      (read) => {
        if (this.#sources.asked !== key) return
        this.#sources = { key, asked: key, read }
        this.#release.again()
        this.#hear()
      },
      (error) => {
        if (!(error instanceof KubeError)) this.#onFault(error)
        if (this.#sources.asked !== key) return
        // What was read before stays; it is asked for again.
        this.#sources = { key, asked: key, read: unreadSources(this.#sources.read, wanted, error) }
        this.#cancelSources()
        this.#cancelSources = this.#clock.after(AGAIN_MS, () => this.#readSourcesAgain())
        this.#release.again()
        this.#hear()
      },
    )
  }

  #readSourcesAgain(): void {
    this.#sources = { ...this.#sources, asked: '', key: '' }
    this.#hear()
  }

  #readNode(): void {
    if (this.#isNodeAsked || this.#end.signal.aborted) return
    this.#isNodeAsked = true
    this.#cancelNode()
    const asking = this.#api.get(this.#nodePath, {}, this.#end.signal)
    const reading = asking.then((object) => readNode(object, new Date(this.#clock.now()).toISOString()))
    void reading.then(
      (node) => {
        this.#isNodeAsked = false
        this.#node = node
        this.#nodeFailure = null
        this.#nodeLater(NODE_EVERY_MS * (1 + this.#clock.random() / 4))
      },
      (error) => {
        if (!(error instanceof KubeError)) this.#onFault(error)
        this.#isNodeAsked = false
        this.#nodeFailure = asKubeError(error).failure
        this.#nodeLater(AGAIN_MS * (1 + this.#clock.random() / 4))
      },
    )
  }

  #nodeLater(ms: number): void {
    if (this.#end.signal.aborted) return
    this.#cancelNode = this.#clock.after(ms, () => {
      this.#readNode()
      // A ConfigMap may have changed that Flux has not looked at: no event tells of it.
      if (this.#release.objects !== null && this.#sources.read !== NO_SOURCES) this.#readSourcesAgain()
    })
    this.#hear()
  }

  get #nodePath(): string {
    return `/api/v1/nodes/${this.#config.node.name}`
  }

  #tell(): void {
    const daemonSet = this.#daemonSet.heard
    // As long as what it names is being read, it would seem to ask for something else.
    if (!this.#isReadingSources) this.#wholeRelease = this.#release.heard.value
    const spegel = this.#liveIntent()
    const { source } = this.#live
    const facts: ClusterFacts = {
      where: this.#isSpegelWanted ? { namespace: this.#place.namespace, daemonSet: this.#place.name } : null,
      daemonSet: factsOf(daemonSet),
      pods: this.#pods.heard,
      release: this.#releasePlace === null ? null : factsOf({ ...this.#release.heard, value: this.#wholeRelease }),
      isFluxMissing: this.#source === this.#release && this.#isKindMissing,
      node: this.#node,
      intent: source === null ? null : { source, knownUntil: this.#source.heard.knownUntil },
    }
    this.#onAnswer({ facts, spegel, failure: kubeFailure(this.#failed()) })
  }

  /** Even an empty collection is there as soon as its kind is. */
  get #isKindMissing(): boolean {
    return this.#release.failure?.reason === 'not-found'
  }

  #failed(): FailedRequest[] {
    // A Flux before 2.3 has no such API: that is no reason to call anything unseen that nobody asked for.
    const isOldFlux = this.#isKindMissing && this.#source !== this.#release
    const wanted = [this.#daemonSet, this.#pods, ...(isOldFlux ? [] : [this.#release])]
    const followed = wanted.flatMap((it) => failureOfFollowed(it) ?? [])
    if (this.#nodeFailure === null) return followed
    return [
      ...followed,
      { path: this.#nodePath, verbs: 'get', failure: this.#nodeFailure, knownUntil: this.#node?.at ?? null },
    ]
  }

  #liveIntent(): ClusterAnswer['spegel'] {
    const { from } = this.#config.intent.spegel
    if (from !== 'daemonset' && from !== 'helmrelease') return null
    const place = from === 'daemonset' ? this.#place : this.#releasePlace
    const value = from === 'daemonset' ? this.#daemonSet.heard.value : this.#wholeRelease
    return this.#live.take(`${from} ${place?.namespace}/${place?.name}`, value, failureOfFollowed(this.#source))
  }

  /** What Spegel's intent is read from. */
  get #source(): Followed<DaemonSetReading | 'absent'> | Followed<ReleaseReading | 'absent'> {
    return this.#config.intent.spegel.from === 'helmrelease' ? this.#release : this.#daemonSet
  }
}

function failureOfFollowed({ path, failure, heard }: Followed<unknown>): FailedRequest | null {
  if (path === null || failure === null) return null
  return { path, verbs: 'list and watch', failure, knownUntil: heard.knownUntil }
}

function factsOf<T>({ value, ...rest }: Heard<{ facts: T } | 'absent'>): Heard<T | 'absent'> {
  return { ...rest, value: value === null || value === 'absent' ? value : value.facts }
}

/** What cannot be read now is as it was, and what was never read is not seen. */
function unreadSources(before: Sources, wanted: ReturnType<typeof sourcesOf>, error: unknown): Sources {
  const { message } = asKubeError(error).failure
  const isRead = (kind: string, namespace: string, name: string) => {
    return before.objects.some((it) => it.name === `${kind.toLowerCase()} ${namespace}/${name}`)
  }
  const missing = wanted.filter((it) => !isRead(it.kind, it.namespace, it.name))
  return { objects: before.objects, unread: missing.map((source) => ({ source, words: message })) }
}
