import type { SpegelIntent } from '../intent/intent.ts'
import { compareVersions, parseVersion } from '../version.ts'

/** Everything of Spegel's settings that pulls depend on, by the name that the chart's values have for it. */
export const SPEGEL_SETTINGS = [
  'chart version',
  'containerdMirrorAdd',
  'containerdRegistryConfigPath',
  'mirroredRegistries',
  'mirror targets',
  'resolveTags',
  'prependExisting',
  'basicAuthSecretName',
  'registryFilters',
] as const

export type SpegelSetting = (typeof SPEGEL_SETTINGS)[number]

export interface SettingDifference {
  setting: SpegelSetting
  asked: string
  found: string
}

/**
 * Where two forms of Spegel's settings do not say the same. The version of what is asked for counts where it is not
 * assumed, against the chart's that the DaemonSet was made from.
 */
export function settingDifferences(
  asked: SpegelIntent,
  found: SpegelIntent,
  chartVersion: string | null,
): SettingDifference[] {
  const differences = SPEGEL_SETTINGS.flatMap((setting): SettingDifference[] => {
    if (setting === 'chart version') return versionDifference(asked, chartVersion)
    const [one, other] = [SETTING_TEXT[setting](asked), SETTING_TEXT[setting](found)]
    return one === other ? [] : [{ setting, asked: one, found: other }]
  })
  // Without the init container nothing says what it would be told.
  const tellsAll = asked.addsMirrors && found.addsMirrors
  return tellsAll ? differences : differences.filter((it) => !OF_INIT_CONTAINER.has(it.setting))
}

const SETTING_TEXT: Readonly<Record<Exclude<SpegelSetting, 'chart version'>, (of: SpegelIntent) => string>> = {
  containerdMirrorAdd: (it) => String(it.addsMirrors),
  containerdRegistryConfigPath: (it) => it.registryConfigPath,
  mirroredRegistries: ({ mirroredRegistries, servedRegistries }) => {
    const list = listText(mirroredRegistries.map((one) => one.url))
    return servedRegistries === null ? list : `${list}; served: ${listText(servedRegistries.map((one) => one.url))}`
  },
  'mirror targets': (it) => listText(it.mirrorTargets),
  resolveTags: (it) => String(it.resolveTags),
  prependExisting: (it) => String(it.prependExisting),
  basicAuthSecretName: (it) => (it.basicAuth ? 'set' : 'not set'),
  registryFilters: (it) => listText(it.registryFilters.map((one) => one.pattern)),
}

const OF_INIT_CONTAINER: ReadonlySet<SpegelSetting> = new Set([
  'containerdRegistryConfigPath',
  'mirror targets',
  'resolveTags',
  'prependExisting',
  'basicAuthSecretName',
])

function versionDifference(asked: SpegelIntent, chartVersion: string | null): SettingDifference[] {
  const found = chartVersion === null ? null : parseVersion(chartVersion)
  if (asked.versionAssumed || found === null || compareVersions(asked.version, found) === 0) return []
  return [{ setting: 'chart version', asked: asked.version.text, found: found.text }]
}

function listText(values: readonly string[]): string {
  return values.length === 0 ? 'none' : values.join(', ')
}
