import type { YamlMap, YamlNode } from '../format/yaml-documents.ts'
import { itemsAt, mapAt, nodeAt, textAt } from '../format/yaml-lookup.ts'
import type { SourcePosition } from '../source-position.ts'
import { readEmbeddedYaml } from './embedded-yaml.ts'
import { mergeHelmValues } from './helm-values.ts'
import type { IntentNote } from './intent.ts'
import type { NamedVersion } from './spegel-version.ts'

/** A release of Spegel's chart as Git asks for it. */
export interface SpegelRelease {
  form: 'helmrelease' | 'values'
  /** The name of the object in Git (`flux reconcile helmrelease <name>`). */
  objectName: string
  /** Helm's name of the release, from which the DaemonSet is named, and its namespace; null: not given. */
  releaseName: string
  namespace: string | null
  version: NamedVersion
  /** All values that can be seen, merged; null: none. */
  values: YamlNode | null
  notes: readonly IntentNote[]
  source: SourcePosition
  /** Whether a values file may stand for what `valuesFrom` names. */
  takesValuesFrom: boolean
}

/** Any kind of object, by `kind` and API group. */
export function isKind(node: YamlNode, group: string, kind: string): boolean {
  return textAt(node, 'kind') === kind && (textAt(node, 'apiVersion') ?? '').split('/')[0] === group
}

const HELM_GROUP = 'helm.toolkit.fluxcd.io'
const SOURCE_GROUP = 'source.toolkit.fluxcd.io'

/** The Flux HelmReleases and Argo CD Applications among these objects that install Spegel. */
export function spegelReleases(objects: readonly YamlNode[]): SpegelRelease[] {
  return objects.flatMap((object) => {
    if (isKind(object, HELM_GROUP, 'HelmRelease')) return helmRelease(object, objects) ?? []
    if (isKind(object, 'argoproj.io', 'Application')) return argoApplication(object) ?? []
    return []
  })
}

function helmRelease(release: YamlNode, objects: readonly YamlNode[]): SpegelRelease | null {
  const version = chartVersion(release, objects)
  if (version === null) return null
  const name = textAt(release, 'metadata', 'name') ?? 'spegel'
  const target = textAt(release, 'spec', 'targetNamespace')
  const sources = itemsAt(release, 'spec', 'valuesFrom')
  const notes: IntentNote[] = []
  let values: YamlNode | null = null
  for (const source of sources) {
    const found = valuesFrom(source, objects)
    if (found === null) {
      const what = [textAt(source, 'kind'), textAt(source, 'name')].filter((it) => it !== null).join(' ')
      notes.push({
        code: 'VALUES_FROM_INVISIBLE',
        message: `values from ${what === '' ? 'another object' : what} are not among the files: what they set is not seen`,
        source: source.at,
      })
    } else {
      values = values === null ? found : mergeHelmValues(values, found)
    }
  }
  const renderers = nodeAt(release, 'spec', 'postRenderers')
  if (renderers?.kind === 'list' && renderers.items.length > 0) {
    const message = 'postRenderers change what the chart makes: what they change is not seen'
    notes.push({ code: 'VALUES_FROM_INVISIBLE', message, source: renderers.at })
  }
  // Flux: what stands in the HelmRelease itself wins over valuesFrom.
  const inline = nodeAt(release, 'spec', 'values')
  if (inline !== undefined) values = values === null ? inline : mergeHelmValues(values, inline)
  return {
    form: 'helmrelease',
    objectName: name,
    releaseName: textAt(release, 'spec', 'releaseName') ?? (target === null ? name : `${target}-${name}`),
    namespace: target ?? textAt(release, 'metadata', 'namespace'),
    version,
    values,
    notes,
    source: release.at,
    takesValuesFrom: sources.length > 0,
  }
}

/** The values that a ConfigMap among the files holds under the key that `valuesFrom` names. */
function valuesFrom(source: YamlNode, objects: readonly YamlNode[]): YamlNode | null {
  const name = textAt(source, 'name')
  if (textAt(source, 'kind') !== 'ConfigMap' || textAt(source, 'targetPath') !== null) return null
  const found = objects.find((it) => textAt(it, 'kind') === 'ConfigMap' && textAt(it, 'metadata', 'name') === name)
  const text = nodeAt(found, 'data', textAt(source, 'valuesKey') ?? 'values.yaml')
  return text?.kind === 'scalar' ? readEmbeddedYaml(text) : null
}

/** Which version of Spegel's chart a HelmRelease asks for; null where it installs another chart. */
function chartVersion(release: YamlNode, objects: readonly YamlNode[]): NamedVersion | null {
  const inline = mapAt(release, 'spec', 'chart', 'spec')
  if (inline !== null) return isSpegelName(textAt(inline, 'chart')) ? versionOf(inline, 'the HelmRelease') : null
  const reference = mapAt(release, 'spec', 'chartRef')
  if (reference === null) return null
  const name = textAt(reference, 'name') ?? ''
  const kind = textAt(reference, 'kind') ?? ''
  const namespace = textAt(reference, 'namespace') ?? textAt(release, 'metadata', 'namespace')
  const found = objects.find((it) => {
    const its = textAt(it, 'metadata', 'namespace')
    const isSameNamespace = its === null || namespace === null || its === namespace
    return isKind(it, SOURCE_GROUP, kind) && textAt(it, 'metadata', 'name') === name && isSameNamespace
  })
  if (found === undefined) {
    if (!isSpegelName(name) && !isSpegelName(textAt(release, 'metadata', 'name'))) return null
    return { text: null, where: `the ${kind} ${name}, which is not among the files,`, source: reference.at }
  }
  const where = `the ${kind} ${name}`
  if (kind === 'HelmChart') {
    return isSpegelName(textAt(found, 'spec', 'chart')) ? versionOf(mapAt(found, 'spec'), where) : null
  }
  if (!isSpegelName(textAt(found, 'spec', 'url'))) return null
  // Flux: a digest wins over semver, which wins over a tag; a tag beside a digest still says what was meant.
  const key = textAt(found, 'spec', 'ref', 'semver') !== null ? 'semver' : 'tag'
  const text = textAt(found, 'spec', 'ref', key)
  return { text, where, source: (nodeAt(found, 'spec', 'ref', key) ?? found).at }
}

/** Helm: no version is the newest release. */
function versionOf(spec: YamlMap | null, where: string): NamedVersion {
  const node = nodeAt(spec ?? undefined, 'version')
  return { text: textAt(node) ?? '*', where, source: node?.at ?? null }
}

/** `spegel`, `./charts/spegel`, `oci://ghcr.io/spegel-org/helm-charts/spegel`. */
function isSpegelName(name: string | null): boolean {
  return name !== null && /(^|\/)spegel\/?$/.test(name)
}

/** An Argo CD Application with one source or several. */
function argoApplication(application: YamlNode): SpegelRelease | null {
  const single = mapAt(application, 'spec', 'source')
  const sources = single === null ? itemsAt(application, 'spec', 'sources') : [single]
  const source = sources.find((it) => isSpegelName(textAt(it, 'chart')) || isSpegelName(textAt(it, 'repoURL')))
  if (source === undefined) return null
  const name = textAt(application, 'metadata', 'name') ?? 'spegel'
  const text = nodeAt(source, 'helm', 'values')
  const embedded = text?.kind === 'scalar' ? readEmbeddedYaml(text) : null
  // Argo CD: valuesObject replaces values; value files and parameters come from elsewhere.
  const values = mapAt(source, 'helm', 'valuesObject') ?? embedded
  const elsewhere = nodeAt(source, 'helm', 'valueFiles') ?? nodeAt(source, 'helm', 'parameters')
  const revision = nodeAt(source, 'targetRevision')
  return {
    form: 'values',
    objectName: name,
    releaseName: textAt(source, 'helm', 'releaseName') ?? name,
    namespace: textAt(application, 'spec', 'destination', 'namespace'),
    version: { text: textAt(revision) ?? '*', where: 'the Application', source: revision?.at ?? null },
    values,
    notes:
      elsewhere === undefined
        ? []
        : [
            {
              code: 'VALUES_FROM_INVISIBLE',
              message: 'the Application takes values from files or parameters too: what they set is not seen',
              source: elsewhere.at,
            },
          ],
    source: application.at,
    takesValuesFrom: nodeAt(source, 'helm', 'valueFiles') !== undefined,
  }
}
