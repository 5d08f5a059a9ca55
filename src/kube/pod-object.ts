import type { InitContainer, SpegelPod } from '../drift/cluster-facts.ts'
import type { KubeObject } from './kube-api.ts'
import { conditionOf, fieldAt, listAt, numberAt, saidLine, textAt, timeAt } from './kube-fields.ts'

/** Spegel's pods among these, the ones of its DaemonSet; by name, so that equal ones read equal. */
export function readPods(objects: Iterable<KubeObject>, daemonSet: string): SpegelPod[] {
  return [...objects]
    .filter((it) => isOf(it, daemonSet))
    .map(readPod)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Spegel's cleanup has a DaemonSet of its own. */
function isOf(pod: KubeObject, daemonSet: string): boolean {
  const owners = listAt(pod, 'metadata', 'ownerReferences')
  return owners.some((it) => textAt(it, 'kind') === 'DaemonSet' && textAt(it, 'name') === daemonSet)
}

function readPod(pod: KubeObject): SpegelPod {
  const phase = textAt(pod, 'status', 'phase') ?? 'Unknown'
  const condition = conditionOf(pod, 'Ready')
  const ready = textAt(condition, 'status') === 'True'
  const containers = listAt(pod, 'status', 'containerStatuses')
  const waiting = containers.find((it) => !isReady(it))
  return {
    name: textAt(pod, 'metadata', 'name') ?? '',
    address: textAt(pod, 'status', 'podIP'),
    phase,
    isTerminating: textAt(pod, 'metadata', 'deletionTimestamp') !== null,
    ready,
    since: timeAt(condition, 'lastTransitionTime'),
    words: ready ? '' : whyNot(pod, condition, waiting),
    isBroken: phase === 'Failed' || BROKEN.test(textAt(waiting, 'state', 'waiting', 'reason') ?? ''),
    configuration: configurationOf(pod),
    restarts: containers.reduce<number>((sum, it) => sum + (numberAt(it, 'restartCount') ?? 0), 0),
    templateGeneration: textAt(pod, 'metadata', 'labels', 'pod-template-generation'),
  }
}

/** Kubelet's reasons for a container that cannot start; one that ends again and again is CrashLoopBackOff, and runs between. */
const BROKEN = /^(ErrImage|ImagePullBackOff|InvalidImageName|CreateContainer|RunContainerError)/

function isReady(container: unknown): boolean {
  return fieldAt(container, 'ready') === true
}

/** The pod's own words (evicted, say), then the container's, then the condition's. */
function whyNot(pod: KubeObject, condition: unknown, container: unknown): string {
  const own = said(fieldAt(pod, 'status'))
  if (own !== '') return own
  const state = stateWords(container)
  if (state !== '') return state
  return said(condition)
}

function stateWords(container: unknown): string {
  const waiting = fieldAt(container, 'state', 'waiting')
  const ended = fieldAt(container, 'state', 'terminated') ?? fieldAt(container, 'lastState', 'terminated')
  const last = ended === undefined || ended === null ? '' : endWords(ended)
  return [said(waiting), last].filter((it) => it !== '').join('; ')
}

function endWords(ended: unknown): string {
  const code = numberAt(ended, 'exitCode')
  const why = said(ended)
  return `it ended with exit code ${code ?? 'unknown'}${why === '' ? '' : ` (${why})`}`
}

/** `reason: message`. */
function said(it: unknown): string {
  const parts = [textAt(it, 'reason'), textAt(it, 'message')].filter((text) => text !== null && text !== '')
  return saidLine(parts.join(': '))
}

/** The init container that the chart calls `configuration`; others may stand before it (`extraInitContainers`). */
function configurationOf(pod: KubeObject): InitContainer | null {
  const isCalled = (it: unknown) => textAt(it, 'name') === 'configuration'
  if (!listAt(pod, 'spec', 'initContainers').some(isCalled)) return null
  const status = listAt(pod, 'status', 'initContainerStatuses').find(isCalled)
  const ended = fieldAt(status, 'state', 'terminated') ?? fieldAt(status, 'lastState', 'terminated')
  const finishedAt = timeAt(ended, 'finishedAt')
  const isDone = fieldAt(status, 'state', 'terminated', 'exitCode') === 0
  if (isDone) return { state: 'finished', finishedAt, words: '' }
  const hasFailed = ended !== undefined && ended !== null && numberAt(ended, 'exitCode') !== 0
  const words = stateWords(status)
  return {
    state: hasFailed ? 'failing' : 'pending',
    finishedAt,
    words: words === '' ? said(fieldAt(pod, 'status')) : words,
  }
}
