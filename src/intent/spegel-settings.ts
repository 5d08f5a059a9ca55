import {
  type Environment,
  readConfigurationArguments,
  readRegistryArguments,
  type Word,
} from './spegel-command-line.ts'

/** How both containers are called. */
export interface SpegelContainers {
  /** null: there is no init container. */
  configuration: { words: readonly Word[]; environment: Environment; mountsBasicAuth: boolean } | null
  /** null: it is not known how the registry container is called. */
  registry: { words: readonly Word[]; environment: Environment } | null
}

/** Spegel's settings, each with its place. */
export interface SpegelSettings {
  addsMirrors: boolean
  registryConfigPath: Word
  mirroredRegistries: readonly Word[]
  mirrorTargets: readonly Word[]
  resolveTags: boolean
  prependExisting: boolean
  basicAuth: boolean
  registryFilters: readonly Word[]
  /** null: the same list as `mirroredRegistries`. */
  servedRegistries: readonly Word[] | null
}

/**
 * What the words of both containers ask for; every form of intent comes down to them.
 * Throws PP_INTENT_INVALID where the init container would exit before it touches anything.
 */
export function settingsOf(containers: SpegelContainers): SpegelSettings {
  const { configuration, registry } = containers
  const told = configuration && readConfigurationArguments(configuration.words, configuration.environment)
  const serves = registry && readRegistryArguments(registry.words, registry.environment)
  const mirrored = told?.mirroredRegistries ?? serves?.mirroredRegistries ?? []
  const served = serves?.mirroredRegistries ?? mirrored
  return {
    addsMirrors: told !== null,
    registryConfigPath: told?.registryConfigPath ?? { text: '/etc/containerd/certs.d', source: null },
    mirroredRegistries: mirrored,
    mirrorTargets: told?.mirrorTargets ?? [],
    resolveTags: told?.resolveTags ?? true,
    prependExisting: told?.prependExisting ?? false,
    basicAuth: configuration?.mountsBasicAuth ?? false,
    registryFilters: serves?.registryFilters ?? [],
    servedRegistries: isSameList(mirrored, served) ? null : served,
  }
}

function isSameList(a: readonly Word[], b: readonly Word[]): boolean {
  return a.length === b.length && a.every((it, index) => it.text === b[index]?.text)
}
