import { type ClusterFacts, present, type SpegelHelmRelease } from './cluster-facts.ts'
import type { NodeFacts } from './facts.ts'
import type { FindingDraft } from './finding.ts'
import type { Remedies } from './remedy.ts'
import type { Evidence, Finding, Remedy } from './report.ts'
import { settingDifferences } from './spegel-settings-difference.ts'

/**
 * The HelmRelease asks for settings that the DaemonSet does not have. What comes from where the agent does not look (a
 * Secret, postRenderers) is no difference; that it is not seen is a note.
 */
export function releaseNotApplied({ cluster }: NodeFacts, remedies: Remedies): FindingDraft | null {
  const [release, daemonSet] = [present(cluster?.release), present(cluster?.daemonSet)]
  if (release === null || daemonSet === null) return null
  if (release.spegel === null || daemonSet.spegel === null) return null
  const differences = settingDifferences(release.spegel, daemonSet.spegel, daemonSet.chartVersion).filter(
    (it) => !release.uncertain.includes(it.setting),
  )
  if (differences.length === 0) return null
  const names = differences.map((it) => it.setting).join(', ')
  const place = `helmrelease ${release.namespace}/${release.name}`
  return {
    kind: 'drift',
    reason: 'release-not-applied',
    registry: '',
    summary: `The HelmRelease ${release.name} asks for what the DaemonSet ${daemonSet.name} does not have: ${names}`,
    expected: differences.map((it) => `${it.setting}: ${it.asked}`),
    observed: differences.map((it) => `${it.setting}: ${it.found}`),
    cause: causeOf(release),
    evidence: evidenceOf(release, place),
    remedy: remedyOf(release, remedies),
    source: release.spegel.source,
  }
}

/** What about the release is worth a line and no finding. */
export function releaseNotes(cluster: ClusterFacts | null): string[] {
  const release = present(cluster?.release)
  if (release === null) return []
  const name = `The HelmRelease ${release.namespace}/${release.name}`
  return [
    ...(release.problem === null ? [] : [`${name} cannot be read as Spegel's: ${release.problem}`]),
    ...(release.unseen.length === 0
      ? []
      : [
          `${name} takes values from ${release.unseen.join(', ')}, which is not read: what it sets is not seen, and a difference that it could explain is not alarmed.`,
        ]),
  ]
}

function causeOf(release: SpegelHelmRelease): Finding['cause'] {
  const { name, suspended, ready, words, isObserved, isReconciling, revision } = release
  if (suspended) {
    return { actor: 'git', text: `Flux does nothing for ${name}: it is suspended`, confidence: 'proven' }
  }
  if (ready === false && !isReconciling) {
    return { actor: 'git', text: `Flux could not apply ${name}: ${words}`, confidence: 'proven' }
  }
  if (!isObserved || isReconciling || ready !== true) {
    // Where it is True these are the words about what it asked for before.
    const said = words === '' || ready === true ? '' : `: ${words}`
    return { actor: 'git', text: `Flux has not applied ${name} yet${said}`, confidence: 'likely' }
  }
  const version = revision === null ? '' : ` (chart ${revision})`
  const text = `Flux holds ${name} for applied${version}: the DaemonSet was changed past Flux, or Flux has not read the values again`
  return { actor: 'unknown', text, confidence: 'likely' }
}

function evidenceOf(release: SpegelHelmRelease, place: string): Evidence[] {
  const { suspended, ready, since, words, isObserved, isReconciling } = release
  const state = ready === null ? 'says nothing of whether it is ready' : `says Ready: ${ready ? 'True' : 'False'}`
  return [
    // That it was ready says nothing of since when it is not applied.
    { text: `Flux ${state}${words === '' ? '' : `, ${words}`}`, source: place, time: ready === true ? null : since },
    ...(suspended ? [{ text: 'spec.suspend is true', source: place, time: null }] : []),
    ...(isReconciling ? [{ text: 'Flux is reconciling it', source: place, time: null }] : []),
    ...(isObserved ? [] : [{ text: 'Flux has not taken up its last change', source: place, time: null }]),
  ]
}

function remedyOf(release: SpegelHelmRelease, remedies: Remedies): Remedy[] {
  const { suspended, ready, isObserved, isReconciling } = release
  const isApplied = ready === true && isObserved && !isReconciling
  return [
    ...(ready === false && !suspended ? remedies.showRelease() : []),
    ...remedies.applyRelease(isApplied && !suspended ? 'again' : 'changed'),
  ]
}
