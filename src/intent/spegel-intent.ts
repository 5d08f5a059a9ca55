import { PullpathError } from '../errors.ts'
import { type IntentFile, readYamlDocuments, type YamlMap, type YamlNode } from '../format/yaml-documents.ts'
import { itemsAt, nodeAt, textAt } from '../format/yaml-lookup.ts'
import type { SourcePosition } from '../source-position.ts'
import type { Version } from '../version.ts'
import { mergeHelmValues } from './helm-values.ts'
import type { IntentNote, IntentProblem, SpegelIntent, SpegelRegistry } from './intent.ts'
import { argumentsInList, argumentsInText, isCommandLine } from './spegel-bare-arguments.ts'
import { renderChart } from './spegel-chart.ts'
import type { Word } from './spegel-command-line.ts'
import { type SpegelDaemonSet, spegelDaemonSet } from './spegel-daemonset.ts'
import { eraOf } from './spegel-era.ts'
import { keyProblems } from './spegel-key-problems.ts'
import { isPlainValues, valuesOfSpegel } from './spegel-plain-values.ts'
import { type SpegelRelease, spegelReleases } from './spegel-release.ts'
import { type SpegelContainers, type SpegelSettings, settingsOf } from './spegel-settings.ts'
import { placeholderProblem, valueProblems } from './spegel-value-problems.ts'
import { type NamedVersion, settleVersion } from './spegel-version.ts'

/** The Spegel half of the intent, with what is wrong in the files and what was assumed. */
export interface SpegelReading {
  intent: SpegelIntent
  problems: IntentProblem[]
  notes: IntentNote[]
}

/** Where Spegel is installed if no file says it. */
const NAMESPACE = 'kube-system'

/**
 * Reads Spegel's settings from a Flux HelmRelease or an Argo CD Application (with an OCIRepository and ConfigMaps
 * beside it), from plain Helm values (several files merge as Helm merges them), from a rendered DaemonSet, or from
 * the containers' arguments. `version` counts before every version that the files name.
 * Throws PP_INTENT_UNKNOWN where there is nothing of Spegel's, PP_INTENT_INVALID where Helm or Spegel would fail so
 * that nothing can be predicted, PP_VERSION_UNSUPPORTED below 0.1, and PP_YAML_INVALID.
 */
export function readSpegelIntent(files: readonly IntentFile[], options: { version: Version | null }): SpegelReading {
  const commandLines = files.filter((file) => isCommandLine(file.text))
  const roots = files.filter((file) => !commandLines.includes(file)).flatMap((file) => readYamlDocuments(file))
  const objects = roots.flatMap((document) => listedObjects(document.root))
  const values = objects.filter((it): it is YamlMap => it.kind === 'map' && isPlainValues(it))

  const releases = spegelReleases(objects)
  const daemonSet = spegelDaemonSet(objects)
  const [release] = releases
  if (release !== undefined) {
    const reading = readRelease(release, values, options.version)
    for (const other of releases.slice(1)) reading.notes.push(ignored('another release of Spegel', other.source))
    if (daemonSet !== null) reading.notes.push(ignored('the DaemonSet beside the release', daemonSet.node.at))
    return reading
  }
  if (daemonSet !== null) {
    const reading = readDaemonSet(daemonSet, options.version)
    for (const it of values) reading.notes.push(ignored('the values beside the DaemonSet', it.at))
    return reading
  }
  const [first] = values
  if (first !== undefined) return readValues(values, first, options.version)
  const [commandLine] = commandLines
  if (commandLine !== undefined) {
    const at = { file: commandLine.path, line: 1, column: 1 }
    return readArguments(argumentsInText(commandLine), at, options.version)
  }
  for (const { root } of roots) {
    const containers = argumentsInList(root)
    if (containers !== null) return readArguments(containers, root.at, options.version)
  }
  throw nothingOfSpegels(files, objects)
}

/** `kubectl get -o yaml` and some renderers put objects into a List. */
function listedObjects(root: YamlNode): readonly YamlNode[] {
  const isList = nodeAt(root, 'items')?.kind === 'list' && /List$/.test(textAt(root, 'kind') ?? '')
  return isList ? itemsAt(root, 'items') : [root]
}

function readRelease(release: SpegelRelease, given: readonly YamlMap[], asked: Version | null): SpegelReading {
  const notes = [...release.notes]
  let values = release.values
  for (const file of given.map((it) => valuesOfSpegel(it))) {
    if (release.takesValuesFrom) values = values === null ? file : mergeHelmValues(file, values)
    else notes.push(ignored('a values file that the release does not take values from', file.at))
  }
  const usesFiles = release.takesValuesFrom && given.length > 0
  const seen = usesFiles ? notes.filter((it) => it.code !== 'VALUES_FROM_INVISIBLE') : notes
  const reading = readChart(requireMap(values, release.source), release.version, asked, {
    form: release.form,
    name: release.releaseName,
    namespace: release.namespace ?? NAMESPACE,
    source: release.source,
  })
  if (release.form === 'helmrelease') reading.intent = { ...reading.intent, name: release.objectName }
  return { ...reading, notes: [...reading.notes, ...seen] }
}

function readValues(all: readonly YamlMap[], first: YamlMap, asked: Version | null): SpegelReading {
  const merged = all
    .map((it) => valuesOfSpegel(it))
    .reduce<YamlNode>((a, b) => mergeHelmValues(a, b), emptyMap(first.at))
  const tag = nodeAt(merged, 'image', 'tag')
  const text = textAt(tag)
  const version = text === null || text === '' ? null : { text, where: 'image.tag', source: tag?.at ?? null }
  const release = { form: 'values' as const, name: 'spegel', namespace: NAMESPACE, source: first.at }
  return readChart(requireMap(merged, first.at), version, asked, release)
}

function readChart(
  values: YamlMap,
  named: NamedVersion | null,
  asked: Version | null,
  release: { form: 'helmrelease' | 'values'; name: string; namespace: string; source: SourcePosition },
): SpegelReading {
  const { version, assumed, note } = settleVersion(asked, named)
  const era = eraOf(version)
  const chart = renderChart(values, era, release)
  const environment = new Map<string, Word>()
  const { mountsBasicAuth } = chart
  const fluxRenders = release.form === 'helmrelease'
  const settings = {
    ...settingsOf({
      configuration: { words: chart.configuration, environment, mountsBasicAuth },
      registry: { words: chart.registry, environment },
    }),
    addsMirrors: chart.hasInitContainer,
  }
  return {
    intent: intentOf(settings, { ...release, name: chart.name, namespace: chart.namespace, version, assumed }),
    problems: [
      ...keyProblems(values, era),
      ...valueProblems(settings, { era, fluxRenders }),
      ...chart.unseen.flatMap((word) => placeholderProblem(word, fluxRenders)),
    ],
    notes: versionNotes(note, named?.source ?? release.source),
  }
}

function readDaemonSet(daemonSet: SpegelDaemonSet, asked: Version | null): SpegelReading {
  const { version, assumed, note } = settleVersion(asked, daemonSet.version)
  const read = settingsOf(daemonSet.containers)
  const path = read.registryConfigPath
  const settings = {
    ...read,
    registryConfigPath: { ...path, text: daemonSet.hostPathOf(path.text) },
    mirrorTargets: read.addsMirrors ? read.mirrorTargets : daemonSet.ports,
  }
  const notes = [...versionNotes(note, daemonSet.node.at), ...daemonSet.notes]
  if (settings.mirrorTargets.length === 0) notes.push(targetsUnknown(daemonSet.node.at))
  return {
    intent: intentOf(settings, {
      form: 'daemonset',
      name: daemonSet.name,
      namespace: daemonSet.namespace ?? NAMESPACE,
      source: daemonSet.node.at,
      version,
      assumed,
    }),
    problems: valueProblems(settings, { era: eraOf(version), fluxRenders: false }),
    notes,
  }
}

function readArguments(containers: SpegelContainers, at: SourcePosition, asked: Version | null): SpegelReading {
  const settings = settingsOf(containers)
  const { version, assumed, note } = settleVersion(asked, null)
  const notes = versionNotes(note, at)
  if (settings.mirrorTargets.length === 0) notes.push(targetsUnknown(at))
  return {
    intent: intentOf(settings, { form: 'args', name: 'spegel', namespace: NAMESPACE, source: at, version, assumed }),
    problems: valueProblems(settings, { era: eraOf(version), fluxRenders: false }),
    notes,
  }
}

function intentOf(
  settings: SpegelSettings,
  facts: Pick<SpegelIntent, 'form' | 'name' | 'namespace' | 'version' | 'source'> & { assumed: boolean },
): SpegelIntent {
  const registries = (words: readonly Word[]): SpegelRegistry[] =>
    words.map(({ text, source }) => ({ url: text, source }))
  return {
    version: facts.version,
    versionAssumed: facts.assumed,
    form: facts.form,
    name: facts.name,
    namespace: facts.namespace,
    addsMirrors: settings.addsMirrors,
    registryConfigPath: settings.registryConfigPath.text,
    mirroredRegistries: registries(settings.mirroredRegistries),
    mirrorTargets: settings.mirrorTargets.map((it) => it.text),
    resolveTags: settings.resolveTags,
    prependExisting: settings.prependExisting,
    basicAuth: settings.basicAuth,
    registryFilters: settings.registryFilters.map(({ text, source }) => ({ pattern: text, source })),
    servedRegistries: settings.servedRegistries && registries(settings.servedRegistries),
    source: facts.source,
  }
}

function requireMap(values: YamlNode | null, at: SourcePosition): YamlMap {
  if (values === null || (values.kind === 'scalar' && values.value === null)) return emptyMap(at)
  if (values.kind === 'map') return values
  throw new PullpathError('PP_INTENT_INVALID', 'the values of a release must be a map', { position: values.at })
}

function emptyMap(at: SourcePosition): YamlMap {
  return { kind: 'map', at, entries: new Map() }
}

function versionNotes(message: string | null, source: SourcePosition | null): IntentNote[] {
  return message === null ? [] : [{ code: 'VERSION_ASSUMED', message, source }]
}

function targetsUnknown(source: SourcePosition): IntentNote {
  return {
    code: 'TARGETS_UNKNOWN',
    message: 'no init container lists the mirror targets, and no ports of Spegel are seen: peers cannot be told apart',
    source,
  }
}

function ignored(what: string, source: SourcePosition): IntentNote {
  return { code: 'DOCUMENT_IGNORED', message: `${what} is not read`, source }
}

function nothingOfSpegels(files: readonly IntentFile[], objects: readonly YamlNode[]): PullpathError {
  const kinds = [...new Set(objects.map((it) => textAt(it, 'kind') ?? `a ${it.kind} without kind`))]
  const found = kinds.length === 0 ? 'nothing at all' : kinds.join(', ')
  const [first] = files
  return new PullpathError('PP_INTENT_UNKNOWN', `no settings of Spegel in ${namesOf(files)}: found ${found}`, {
    position: first === undefined ? null : { file: first.path, line: 1, column: 1 },
    advice:
      'give a Flux HelmRelease or an Argo CD Application of the chart spegel, its Helm values, a rendered DaemonSet, or the arguments of its init container',
  })
}

function namesOf(files: readonly IntentFile[]): string {
  return files.length === 0 ? 'no file' : files.length === 1 ? 'this file' : `these ${files.length} files`
}
