import { existsSync } from 'node:fs'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { DEFAULT_CONFIG_FILE, readConfigText } from '../config/load-config.ts'
import { readConfig } from '../config/read-config.ts'
import { PullpathError } from '../errors.ts'
import { readIntent } from '../intent/read-intent.ts'
import { parseVersion } from '../version.ts'
import type { Arguments, Command, CommandContext, CommandOption } from './command.ts'
import { usage } from './parse-arguments.ts'
import { readGivenFile } from './read-given-file.ts'

/** Stands in proposed commands for a node's name that is not known; a person fills it in. */
const UNKNOWN_NAME = 'NODE_NAME'

/** An address that belongs to nobody (RFC 5737), for questions that need no node. */
const DOCUMENTATION_IP = '192.0.2.1'

export const CONFIG_OPTION = {
  config: { value: 'FILE', summary: `the agent's configuration (default: ${DEFAULT_CONFIG_FILE}, where it exists)` },
} as const satisfies Record<string, CommandOption>

export const INTENT_OPTIONS = {
  talos: { value: 'FILE', multiple: true, summary: 'Talos machine config patches, merged in this order' },
  spegel: {
    value: 'FILE',
    multiple: true,
    summary: "Spegel's HelmRelease, Helm values, rendered DaemonSet or arguments",
  },
  'node-ip': { value: 'IP', summary: "the node's address, as it stands in Spegel's mirror targets" },
  'node-name': { value: 'NAME', summary: "the node's name in Kubernetes, for the commands that are proposed" },
  'talos-version': { value: 'V', summary: 'the Talos release (default: the newest that Pullpath knows)' },
  'spegel-version': {
    value: 'V',
    summary: "Spegel's release, or main (default: as the files say, else the newest known)",
  },
} as const satisfies Record<string, CommandOption>

export const NODE_OPTIONS = {
  'containerd-config': { value: 'FILE', summary: "containerd's configuration; what it imports is read too" },
  'containerd-version': { value: 'V', summary: 'the containerd release (default: that of the newest Talos)' },
  'pull-mode': {
    value: 'MODE',
    summary: 'local or transfer (default: as the configuration says, else local below /etc/cri)',
  },
} as const satisfies Record<string, CommandOption>

/** What a command works on, and what of it was not given. */
export interface Settings {
  config: Config
  /** Whether `node.name` is a placeholder, because none was given. */
  nodeNameAssumed: boolean
  /** Whether `node.ip` is the documentation address, because none was given. */
  nodeIpAssumed: boolean
}

/**
 * The configuration that a command works on: the file, with the flags on top. Without a file and without flags the
 * command cannot know what to look at and says what to give. Files that are named on the command line must be readable.
 * Throws PP_USAGE, PP_CONFIG_INVALID, PP_FILE_UNREADABLE, PP_VERSION_INVALID, PP_ADDRESS_INVALID.
 */
export function settingsOf(
  command: Command,
  given: Arguments,
  context: CommandContext,
  needs: { intent: boolean; nodeIp: boolean },
): Settings {
  const nodeIp = given.text('node-ip')
  if (nodeIp !== null && isIP(nodeIp) === 0) {
    throw new PullpathError('PP_ADDRESS_INVALID', `--node-ip: ${JSON.stringify(nodeIp)} is not an IP address`, {
      advice: 'for example --node-ip 192.168.1.98',
    })
  }
  const file = configFile(given)
  const hasIntent = given.has('talos') || given.has('spegel')
  if (file === null && needs.intent && !hasIntent) {
    throw usage(command, 'nothing to read: give --talos FILE and --spegel FILE, or --config FILE')
  }
  const environmentIp = context.environment.NODE_IP ?? ''
  const environment = { ...context.environment, NODE_IP: nodeIp ?? (environmentIp || DOCUMENTATION_IP) }
  const text = file === null ? null : readConfigText(file)
  const config = readConfig(text, file ?? 'the defaults', {
    env: environment,
    hostname: file === null ? UNKNOWN_NAME : hostname(),
  })
  // Outside the agent's container the node's file system is where it is.
  if (file === null) withoutFile(config, hasIntent)
  if (nodeIp !== null) config.node.ip = nodeIp
  config.node.name = given.text('node-name') ?? config.node.name
  applyIntentFlags(config, given)
  applyNodeFlags(config, given, command)
  const nodeIpAssumed = config.node.ip === DOCUMENTATION_IP && nodeIp === null
  if (nodeIpAssumed && needs.nodeIp) {
    throw usage(command, "the node's address is not known: give --node-ip IP, or set NODE_IP")
  }
  return { config, nodeNameAssumed: config.node.name === UNKNOWN_NAME, nodeIpAssumed }
}

function configFile(given: Arguments): string | null {
  return given.text('config') ?? (existsSync(DEFAULT_CONFIG_FILE) ? DEFAULT_CONFIG_FILE : null)
}

function withoutFile(config: Config, hasIntent: boolean): void {
  config.host.root = '/'
  config.intent.talos.patches = []
  config.intent.spegel.values = []
  config.intent.spegel.from = hasIntent ? config.intent.spegel.from : 'none'
}

/** A mistake in a file that is named here is the command's error at once, not an input that is down. */
function applyIntentFlags(config: Config, given: Arguments): void {
  const { talos, spegel } = config.intent
  talos.version = version(given, 'talos-version') ?? talos.version
  spegel.version = spegelRelease(given) ?? spegel.version
  const talosFiles = given.texts('talos').map(readGivenFile)
  const spegelFiles = given.texts('spegel').map(readGivenFile)
  readIntent({
    talosFiles,
    spegelFiles,
    talosVersion: talos.version === null ? null : parseVersion(talos.version),
    spegelVersion: spegel.version === null ? null : parseVersion(spegel.version),
  })
  if (talosFiles.length > 0) talos.patches = talosFiles.map((it) => it.path)
  if (spegelFiles.length > 0) {
    spegel.values = spegelFiles.map((it) => it.path)
    if (spegel.from === 'none') spegel.from = 'values'
  } else if (talosFiles.length > 0 && spegel.values.length === 0) {
    spegel.from = 'none'
  }
}

function applyNodeFlags(config: Config, given: Arguments, command: Command): void {
  const daemonFile = given.text('containerd-config')
  if (daemonFile !== null) config.containerd.configFile = resolve(daemonFile)
  config.containerd.version = version(given, 'containerd-version') ?? config.containerd.version
  const mode = given.text('pull-mode')
  if (mode === null) return
  if (mode !== 'local' && mode !== 'transfer') {
    throw usage(command, `--pull-mode: ${JSON.stringify(mode)} is neither local nor transfer`)
  }
  config.containerd.pullMode = mode
}

/** Spegel's main branch has no number yet; it stands as the release that comes next. */
function spegelRelease(given: Arguments): string | null {
  return given.text('spegel-version') === 'main' ? '0.8.0-main' : version(given, 'spegel-version')
}

function version(given: Arguments, name: string): string | null {
  const text = given.text(name)
  if (text === null || parseVersion(text) !== null) return text
  throw new PullpathError('PP_VERSION_INVALID', `--${name}: ${JSON.stringify(text)} is not a version`, {
    advice: 'for example 2.1.9',
  })
}
