import type { SpegelPod } from './cluster-facts.ts'
import type { Remedies } from './remedy.ts'
import type { Evidence, Finding, Remedy } from './report.ts'

export type Explained = { cause: Finding['cause']; evidence: Evidence[]; remedy: Remedy[] }

/** Kubernetes cuts times off to seconds: only what came a second later came after. */
const CUT_OFF_MS = 1000

/** The init container has not done its work, so nothing of Spegel can be in the tree; null: it has, or there is none. */
export function configurationCause(pod: SpegelPod, source: string, remedies: Remedies): Explained | null {
  const { configuration } = pod
  if (configuration === null || configuration.state === 'finished') return null
  const { state, words, finishedAt } = configuration
  if (state === 'failing') {
    const text = `Spegel's init container, which writes its entries, fails: ${words}`
    return {
      cause: { actor: 'spegel', text, confidence: 'proven' },
      evidence: [{ text: `the init container configuration fails: ${words}`, source, time: finishedAt }],
      remedy: [remedies.showSpegelLog('configuration'), remedies.recreateSpegelPod()],
    }
  }
  const text = `Spegel's init container, which writes its entries, has not finished yet${words === '' ? '' : `: ${words}`}`
  return {
    cause: { actor: 'spegel', text, confidence: 'proven' },
    evidence: [
      {
        text: `the init container configuration has not finished${words === '' ? '' : `: ${words}`}`,
        source,
        time: null,
      },
    ],
    remedy: [remedies.showSpegelPod()],
  }
}

/** That the init container finished, as evidence; null where it did not. */
export function finishedEvidence(pod: SpegelPod, source: string): (Evidence & { time: string }) | null {
  const time = pod.configuration?.state === 'finished' ? pod.configuration.finishedAt : null
  return time === null ? null : { text: "Spegel's init container configuration finished", source, time }
}

/** Whether something of the tree changed after the init container had finished, for certain. `changed`: milliseconds. */
export function isAfterInit(changed: number | null, finished: string): changed is number {
  return changed !== null && changed >= Date.parse(finished) + CUT_OFF_MS
}
