import type { SpegelHelmRelease } from '../drift/cluster-facts.ts'
import { SPEGEL_SETTINGS, type SpegelSetting } from '../drift/spegel-settings-difference.ts'
import type { ClusterObject } from '../intent/cluster-object.ts'
import { parseVersion, type Version } from '../version.ts'
import type { KubeObject } from './kube-api.ts'
import { conditionOf, fieldAt, listAt, numberAt, saidLine, textAt, textsAt, timeAt } from './kube-fields.ts'
import type { IntentReading, SpegelIntentReader } from './spegel-intent-reader.ts'
import type { ObjectPlace } from './spegel-place.ts'

/** An object that a HelmRelease takes its chart or its values from. */
export interface Source extends ObjectPlace {
  kind: 'OCIRepository' | 'HelmChart' | 'ConfigMap'
}

/** What was read of the sources: the objects, and those that could not be, with why. */
export interface Sources {
  objects: readonly ClusterObject[]
  unread: readonly { source: Source; words: string }[]
}

export interface ReleaseReading extends IntentReading {
  facts: SpegelHelmRelease
}

/** Which other objects say what it asks for. Secrets are never among them. */
export function sourcesOf(release: KubeObject, { namespace }: ObjectPlace): Source[] {
  const reference = fieldAt(release, 'spec', 'chartRef')
  const kind = textAt(reference, 'kind')
  const name = textAt(reference, 'name')
  const chart =
    (kind === 'OCIRepository' || kind === 'HelmChart') && name !== null
      ? [{ kind, name, namespace: textAt(reference, 'namespace') ?? namespace } as const]
      : []
  const values = listAt(release, 'spec', 'valuesFrom').flatMap((it): Source[] => {
    const from = textAt(it, 'name')
    return textAt(it, 'kind') === 'ConfigMap' && from !== null ? [{ kind: 'ConfigMap', name: from, namespace }] : []
  })
  return [...chart, ...values]
}

/** Changes with the object and whenever Flux has looked at the sources anew: they must be read again then. */
export function sourcesKey(release: KubeObject): string {
  return JSON.stringify([
    textAt(release, 'metadata', 'uid'),
    numberAt(release, 'metadata', 'generation'),
    textAt(release, 'status', 'lastAttemptedRevision'),
    textAt(release, 'status', 'lastAttemptedConfigDigest'),
  ])
}

export function readHelmRelease(
  release: KubeObject,
  place: ObjectPlace,
  sources: Sources,
  reader: SpegelIntentReader,
  version: Version | null,
): ReleaseReading {
  const { namespace, name } = place
  const labels = textsAt(release, 'metadata', 'labels')
  const read = {
    apiVersion: textAt(release, 'apiVersion') ?? 'helm.toolkit.fluxcd.io/v2',
    kind: 'HelmRelease',
    metadata: { name, namespace, labels },
    spec: fieldAt(release, 'spec'),
  }
  const objects = [{ name: `helmrelease ${namespace}/${name}`, object: read }, ...sources.objects]
  const revision = revisionOf(release)
  const asked = reader.read(objects, version)
  // A range of versions, or a source that is not seen: Flux says what came of it.
  const installed = asked.intent?.spegel?.versionAssumed === true ? parseVersion(revision ?? '') : null
  const { intent, problem } = installed === null ? asked : reader.read(objects, installed)
  const ready = conditionOf(release, 'Ready')
  const status = textAt(ready, 'status')
  const unseen = unseenOf(release, place, sources)
  return {
    facts: {
      name,
      namespace,
      suspended: fieldAt(release, 'spec', 'suspend') === true,
      isObserved: numberAt(release, 'status', 'observedGeneration') === numberAt(release, 'metadata', 'generation'),
      ready: status === 'True' ? true : status === 'False' ? false : null,
      since: timeAt(ready, 'lastTransitionTime'),
      words: wordsOf(release, place, ready),
      isReconciling: textAt(conditionOf(release, 'Reconciling'), 'status') === 'True',
      revision,
      spegel: intent?.spegel ?? null,
      problem,
      unseen,
      uncertain: uncertainSettings(release, unseen),
    },
    intent,
    problem,
  }
}

/**
 * What Flux says of it. helm-controller passes on Helm's errors, and those may quote a value (`cannot unmarshal ...`, what
 * a template renders to): where values come from a Secret the message stays in the cluster, and its reason, which is of
 * helm-controller's own list, stands for it. So it is with a message about a spec that is no more: that may have named one.
 */
function wordsOf(release: KubeObject, { namespace, name }: ObjectPlace, ready: unknown): string {
  const message = saidLine(textAt(ready, 'message') ?? '')
  const about = numberAt(ready, 'observedGeneration') ?? numberAt(release, 'status', 'observedGeneration')
  const isOfThisSpec = about === numberAt(release, 'metadata', 'generation')
  const isOpen = listAt(release, 'spec', 'valuesFrom').every((it) => textAt(it, 'kind') === 'ConfigMap')
  if (message === '' || (isOpen && isOfThisSpec)) return message
  const described = `kubectl -n ${namespace} describe helmrelease ${name}`
  const withheld = `its message is withheld, since it may quote a Secret: ${described} shows it`
  const reason = textAt(ready, 'reason')
  return reason === null ? withheld : `${reason} (${withheld})`
}

/** The chart that stands: history has the newest first (helm-controller v2: Snapshots). */
function revisionOf(release: KubeObject): string | null {
  const deployed = listAt(release, 'status', 'history').find((it) => textAt(it, 'status') === 'deployed')
  return textAt(deployed, 'chartVersion') ?? textAt(release, 'status', 'lastAppliedRevision')
}

function unseenOf(release: KubeObject, { namespace }: ObjectPlace, { unread }: Sources): string[] {
  const values = listAt(release, 'spec', 'valuesFrom').flatMap((it) => {
    const [kind, name] = [textAt(it, 'kind'), textAt(it, 'name')]
    const failed = unread.find(({ source }) => source.kind === kind && source.name === name)
    const isRead = kind === 'ConfigMap' && textAt(it, 'targetPath') === null && failed === undefined
    const why = failed === undefined ? '' : ` (${failed.words})`
    return isRead ? [] : [`${kind} ${namespace}/${name}${why}`]
  })
  return [...values, ...(listAt(release, 'spec', 'postRenderers').length > 0 ? ['postRenderers'] : [])]
}

/** Where in the values each setting is written: all of these places decide it. */
const WRITTEN_AT: Readonly<Record<Exclude<SpegelSetting, 'chart version'>, readonly (readonly string[])[]>> = {
  containerdMirrorAdd: [['spegel', 'containerdMirrorAdd']],
  containerdRegistryConfigPath: [['spegel', 'containerdRegistryConfigPath']],
  mirroredRegistries: [['spegel', 'mirroredRegistries']],
  'mirror targets': [
    ['spegel', 'additionalMirrorTargets'],
    ...['nodeIp', 'hostPort', 'nodePort', 'usePreferSameNodeTrafficDistribution'].map((it) => [
      'service',
      'registry',
      it,
    ]),
  ],
  resolveTags: [['spegel', 'resolveTags']],
  prependExisting: [['spegel', 'prependExisting']],
  basicAuthSecretName: [['basicAuthSecretName']],
  registryFilters: [['spegel', 'registryFilters']],
}

/** Flux: what stands in the HelmRelease itself wins over everything in valuesFrom; postRenderers may change anything. */
function uncertainSettings(release: KubeObject, unseen: readonly string[]): SpegelSetting[] {
  if (unseen.length === 0) return []
  const changesAll = unseen.includes('postRenderers')
  return SPEGEL_SETTINGS.filter((setting) => {
    if (setting === 'chart version') return false
    return changesAll || !WRITTEN_AT[setting].every((path) => fieldAt(release, 'spec', 'values', ...path) !== undefined)
  })
}
