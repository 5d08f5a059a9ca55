import { PullpathError } from '../../errors.ts'
import { parseVersion, type Version } from '../../version.ts'
import { type Behaviour, behaviourOf } from '../behaviour.ts'
import type { Known, RunningDaemon } from '../running-daemon.ts'
import type { CriConfigAnswer } from './cri-config-answer.ts'
import type { DaemonClient, DaemonPlugin } from './daemon-client.ts'
import { DaemonRefusal } from './daemon-error.ts'

const STATUS = 'CRI Status'
const PLUGINS = 'Introspection Plugins'
const SERVER = 'Introspection Server'
/** 2.x has the images of CRI in a plugin of their own. */
const CRI_PLUGINS = ['type==io.containerd.cri.v1', 'type==io.containerd.grpc.v1,id==cri']
/** pkg/deprecation: what is warned of is set, and forces local pull (internal/cri/config: CheckLocalImagePullConfigs). */
const DEPRECATIONS: Readonly<Record<string, string>> = {
  'io.containerd.deprecation/cri-registry-mirrors': 'registry.mirrors',
  'io.containerd.deprecation/cri-registry-configs': 'registry.configs',
  'io.containerd.deprecation/cri-registry-auths': 'registry.auths',
}

type Facts = Pick<RunningDaemon, 'pullMode' | 'configPath' | 'legacyMirrors' | 'discardUnpackedLayers'>

/**
 * Asks the running daemon for everything that it tells about where it pulls from. `now`: the clock. Rejects with the
 * errors of the client, with PP_VERSION_UNSUPPORTED below 1.7 and with PP_VERSION_INVALID.
 */
export async function readDaemonFacts(client: DaemonClient, now: () => Date): Promise<RunningDaemon> {
  const at = now().toISOString()
  const known = <T>(value: T, source: string): Known<T> => ({ value, origin: 'daemon', source, at })
  const version = versionOf((await client.version()).version)
  const behaviour = behaviourOf(version)
  const startedAt = new Date(await client.listeningSince()).toISOString()
  const plugins = await client.plugins(CRI_PLUGINS)
  const { config, failure } = await readStatus(client, plugins)
  return {
    version: known(version, 'Version'),
    startedAt: known(startedAt, 'the time of its socket'),
    criFailure: failure === null ? null : known(failure, PLUGINS),
    ...(config === null ? await factsOf2(client, plugins, behaviour, known) : factsOf1(config, known)),
  }
}

function versionOf(text: string): Version {
  const version = parseVersion(text)
  if (version !== null) return version
  throw new PullpathError('PP_VERSION_INVALID', `containerd says ${JSON.stringify(text)}, which is no version`, {
    advice: 'set containerd.version',
  })
}

/** Without CRI the socket still serves the rest: the plugin says why it did not load. */
async function readStatus(
  client: DaemonClient,
  plugins: readonly DaemonPlugin[],
): Promise<{ config: CriConfigAnswer | null; failure: string | null }> {
  try {
    return { config: (await client.cri.status()).config, failure: null }
  } catch (error) {
    if (!(error instanceof DaemonRefusal)) throw error
    const failures = plugins.flatMap(({ id, initError }) => (initError === null ? [] : [`${id}: ${initError}`]))
    return { config: null, failure: failures.join('; ') || error.words }
  }
}

/** 1.x shows the configuration of CRI, and knows only local pull. */
function factsOf1(config: CriConfigAnswer, known: <T>(value: T, source: string) => Known<T>): Facts {
  return {
    pullMode: known('local', 'Version'),
    configPath: known(config.configPath, STATUS),
    legacyMirrors: known(config.legacyMirrors, STATUS),
    discardUnpackedLayers: known(config.discardUnpackedLayers, STATUS),
  }
}

/** 2.x shows only what it warns of; from 2.4 on its plugin says two settings (plugins/cri/images/plugin.go). */
async function factsOf2(
  client: DaemonClient,
  plugins: readonly DaemonPlugin[],
  { transferService }: Behaviour,
  known: <T>(value: T, source: string) => Known<T>,
): Promise<Facts> {
  const exports = plugins.find((it) => it.id === 'images')?.exports
  const configPath = exports?.get('RegistryConfigPath')
  const discard = exports?.get('DiscardUnpackedLayers')
  const { deprecations } = await client.server()
  const forcing = deprecations.flatMap(({ id }) => DEPRECATIONS[id] ?? []).map((key) => `${key} (${SERVER})`)
  if (discard === 'true') forcing.push(`discard_unpacked_layers (${PLUGINS})`)
  const local = transferService ? forcing[0] : 'Version'
  return {
    pullMode: local === undefined ? null : known('local', local),
    configPath: configPath === undefined ? null : known(configPath, PLUGINS),
    legacyMirrors: null,
    discardUnpackedLayers: discard === undefined ? null : known(discard === 'true', PLUGINS),
  }
}
