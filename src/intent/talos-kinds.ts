import { nearestName } from '../nearest-name.ts'
import { isAtLeast, type Version } from '../version.ts'
import type { IntentProblem } from './intent.ts'
import { PULL_KINDS, type TalosDocument } from './talos-documents.ts'
import { shownRegistry } from './talos-mirrors.ts'

/** The kinds that pulls depend on, with the release that brought each. */
const KIND_SINCE: { readonly [kind: string]: string } = {
  RegistryMirrorConfig: '1.12.0-beta.0',
  RegistryTLSConfig: '1.12.0-beta.0',
  RegistryAuthConfig: '1.12.0-beta.0',
  CRICustomizationConfig: '1.14.0-beta.0',
  ImageCacheConfig: '1.14.0-beta.0',
}

/** One problem for each document that this Talos refuses: its kind, its apiVersion, or no name. null: any release. */
export function documentProblems(documents: readonly TalosDocument[], version: Version | null): IntentProblem[] {
  return documents.flatMap((document) => {
    const { kind, apiVersion, name, root } = document
    const since = KIND_SINCE[kind]
    const registry = kind.startsWith('Registry') && name !== '' ? shownRegistry(name) : null
    const problem = (message: string, command: string, why: string, key: string): IntentProblem => ({
      code: 'TALOS_KEY_UNKNOWN',
      registry,
      message,
      remedy: [{ command, why }],
      source: root.entries.get(key)?.keyAt ?? root.at,
    })
    if (since === undefined) {
      const near = nearestName(kind, PULL_KINDS)
      const message = `Talos knows no kind ${kind} and refuses the whole configuration that has it`
      return near === null ? [] : [problem(message, `kind: ${near}`, `the kind is written ${near}`, 'kind')]
    }
    if (apiVersion !== 'v1alpha1') {
      const found = apiVersion === '' ? 'no apiVersion' : `the apiVersion ${apiVersion}`
      const message = `this ${kind} has ${found}: Talos refuses the whole configuration`
      return [problem(message, 'apiVersion: v1alpha1', `the only version of ${kind}`, 'apiVersion')]
    }
    if (version !== null && !isAtLeast(version, since)) {
      const release = since.replace(/\.0-.*$/, '')
      const message = `${kind} came with Talos ${release}: ${version.text} refuses the whole configuration that has it`
      return [problem(message, OLDER_FORM[kind] ?? `# remove the ${kind}`, `or upgrade Talos to ${release}`, 'kind')]
    }
    if (NAMED.has(kind) && name === '') {
      return [problem(`this ${kind} has no name: Talos refuses the whole configuration`, NAME_LINE, 'its name', 'name')]
    }
    const wrong = kind === 'CRICustomizationConfig' ? wrongPartName(name) : null
    if (wrong !== null) {
      const message = `${wrong}: Talos refuses the whole configuration`
      return [problem(message, 'name: keep-layers', 'letters, digits, - _ and . at most 63 of them', 'name')]
    }
    return []
  })
}

/** Why Talos takes no such name for a part (types/cri/customization.go); null: it does. */
function wrongPartName(name: string): string | null {
  if (name === 'customization') return 'the name customization is kept for /etc/cri/conf.d/20-customization.part'
  const [, own = name] = /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\/(.*)$/s.exec(name) ?? []
  const isName = own.length <= 63 && /^([A-Za-z0-9][A-Za-z0-9_.-]*)?[A-Za-z0-9]$/.test(own)
  return isName ? null : `${JSON.stringify(name)} is no name of a part`
}

const NAMED: ReadonlySet<string> = new Set(Object.keys(KIND_SINCE).filter((kind) => kind !== 'ImageCacheConfig'))
const NAME_LINE = 'name: 192.168.1.106'

const OLDER_FORM: { readonly [kind: string]: string } = {
  RegistryMirrorConfig: 'machine: { registries: { mirrors: … } }',
  RegistryTLSConfig: 'machine: { registries: { config: … } }',
  RegistryAuthConfig: 'machine: { registries: { config: … } }',
  CRICustomizationConfig: 'machine: { files: [{ op: create, path: /etc/cri/conf.d/20-customization.part, … }] }',
  ImageCacheConfig: 'machine: { features: { imageCache: { localEnabled: true } } }',
}
