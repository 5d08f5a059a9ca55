import type { SpegelIntent } from '../intent/intent.ts'
import type { DeclaredRegistry } from './declared-registries.ts'
import { listedRegistry } from './declared-registries.ts'
import type { FindingDraft } from './finding.ts'
import type { Remedies } from './remedy.ts'

/** Spegel's own settings that keep peers from serving a registry which it mirrors: a remark, since it may be meant so. */
export function peersNeverServe(
  declared: DeclaredRegistry,
  spegel: SpegelIntent,
  remedies: Remedies,
): FindingDraft | null {
  if (declared.spegel === null) return null
  const why = hindrance(declared.registry, spegel)
  if (why === null) return null
  return {
    kind: 'conflict',
    reason: 'peers-never-serve',
    registry: declared.registry,
    summary: why.summary,
    cause: { actor: 'git', text: why.text, confidence: 'proven' },
    evidence: [{ text: why.text, source: spegel.source?.file ?? 'Spegel intent', time: null }],
    remedy: [remedies.setSpegelValue(why.value, why.to, why.effect), ...remedies.applySpegel()],
    source: why.source ?? declared.spegel.source,
  }
}

function hindrance(registry: string, spegel: SpegelIntent) {
  if (!spegel.addsMirrors) {
    return {
      summary: `Peers are never asked for ${registry}: Spegel does not write its targets`,
      text: 'containerdMirrorAdd is off, so no init container configures containerd',
      value: 'containerdMirrorAdd',
      to: 'true',
      effect: 'lets Spegel write its targets; leave it off only where something else writes them',
      source: spegel.source,
    }
  }
  const filter = spegel.registryFilters.find((it) => filtersAll(it.pattern, registry))
  if (filter !== undefined) {
    return {
      summary: `Peers never serve ${registry}: registryFilters leaves out all of it`,
      text: `the filter ${filter.pattern} matches every image of ${registry}`,
      value: 'registryFilters',
      to: '[]',
      effect: 'lets peers serve it again (or narrow the filter)',
      source: filter.source,
    }
  }
  const served = spegel.servedRegistries
  if (
    served !== null &&
    served.length > 0 &&
    !served.some((it) => [registry, '_default'].includes(listedRegistry(it) ?? ''))
  ) {
    return {
      summary: `Peers never serve ${registry}: the registry container is not told to`,
      text: `the init container lists ${registry}, the registry container's --mirrored-registries does not`,
      value: 'mirroredRegistries',
      to: '[...]',
      effect: 'both containers must have the same list: render the chart again',
      source: spegel.source,
    }
  }
  if (!spegel.resolveTags) {
    return {
      summary: `Tags of ${registry} are always resolved at the origin: peers serve it by digest alone`,
      text: 'resolveTags is off, so the targets have the capability pull alone',
      value: 'resolveTags',
      to: 'true',
      effect: 'lets peers resolve tags too; leave it off if tags move and must be fresh',
      source: spegel.source,
    }
  }
  return null
}

/** Whether a filter leaves out a tag and a digest of a name that nobody would filter on purpose. */
function filtersAll(pattern: string, registry: string): boolean {
  let expression: RegExp
  try {
    expression = new RegExp(pattern)
  } catch {
    // Go's RE2 knows forms that JavaScript does not; what cannot be read here is not judged.
    return false
  }
  const digest = `sha256:${'0123456789abcdef'.repeat(4)}`
  return [`${registry}/any/name:v1`, `${registry}/other@${digest}`].every((it) => expression.test(it))
}
