import type { DaemonProfile } from '../containerd/pull-path.ts'
import { expectedTree } from '../hosts/expected-tree.ts'
import { viewOf } from '../hosts/file-view.ts'
import type { Writer } from '../hosts/fingerprint.ts'
import { writeTalosTree } from '../hosts/talos-writer.ts'
import type { DirectoryNode } from '../hosts/tree.ts'
import type { Intent, TalosIntent } from '../intent/intent.ts'
import { parseTalosEndpoint } from '../intent/talos-endpoint-url.ts'
import type { DaemonFacts, NodeFacts } from './facts.ts'
import type { RatedPath } from './path-comparison.ts'
import { ratedPath } from './rated-path.ts'

/** What follows from the intent alone, on this node, for this containerd. */
export interface ExpectedState {
  tree: DirectoryNode
  writers: ReadonlyMap<string, Writer>
  /** Why a writer could not finish, in words. */
  failures: readonly string[]
  /** Talos refuses what is declared and writes nothing, so that what it wrote earlier stays. */
  isTalosRefused: boolean
  /** Spegel refuses what is declared, so that what an earlier one wrote stays. */
  isSpegelRefused: boolean
  /** The path that the expected tree gives. */
  pathOf(registry: string): RatedPath
  /** The path that Talos' own tree gives, before Spegel. */
  talosPathOf(registry: string): RatedPath
  /**
   * The path that Talos' intent means: its own tree without repeated endpoints, which would make Talos write invalid
   * TOML, and without what makes it write nothing at all. What is declared here must be in force for a registry to be
   * effective.
   */
  declaredPathOf(registry: string): RatedPath
  /** Registries with an endpoint that Talos refuses: it can never be in force. */
  refusedRegistries: ReadonlySet<string>
}

const remembered = new WeakMap<Intent, { key: string; state: ExpectedState }>()

/** Computes the expected state; an intent never changes, so its last answer is kept with it. */
export function expectedState(intent: Intent, daemon: DaemonFacts, node: NodeFacts): ExpectedState {
  const key = JSON.stringify([node.ip, node.imageCache, daemon.hostsDir, daemon.version.text, daemon.pullMode])
  const known = remembered.get(intent)
  if (known?.key === key) return known.state
  const state = computeExpectedState(intent, daemon, node)
  remembered.set(intent, { key, state })
  return state
}

function computeExpectedState(intent: Intent, daemon: DaemonFacts, node: NodeFacts): ExpectedState {
  const options = { hostsDir: daemon.hostsDir, imageCache: node.imageCache === 'on' }
  const expected = expectedTree(intent, { ip: node.ip, ...options })
  // Both writers take for granted that containerd reads the directory they write.
  const profile: DaemonProfile = { ...daemon, configPath: daemon.hostsDir }
  const paths = (tree: DirectoryNode) => {
    const view = viewOf(new Map([[daemon.hostsDir, tree]]))
    const computed = new Map<string, RatedPath>()
    return (registry: string): RatedPath => {
      const path = computed.get(registry) ?? ratedPath(registry, profile, view, intent, node.ip)
      computed.set(registry, path)
      return path
    }
  }
  const meant = intent.talos === null ? null : writeTalosTree(asMeant(intent.talos), options).tree
  return {
    tree: expected.tree,
    writers: expected.writers,
    failures: expected.failures,
    isTalosRefused: expected.isTalosRefused,
    isSpegelRefused: expected.isSpegelRefused,
    pathOf: paths(expected.tree),
    talosPathOf: paths(expected.talosTree),
    declaredPathOf: paths(meant ?? expected.talosTree),
    refusedRegistries: new Set(intent.talos === null ? [] : refusedRegistries(intent.talos)),
  }
}

function asMeant(talos: TalosIntent): TalosIntent {
  const mirrors = new Map(
    [...talos.mirrors].map(([name, mirror]) => {
      const urls = new Set<string>()
      const endpoints = mirror.endpoints.filter((it) => isTaken(it.url, talos) && !urls.has(it.url) && urls.add(it.url))
      return [name, { ...mirror, endpoints }] as const
    }),
  )
  const tls = new Map([...talos.tls].filter(([host]) => host !== '*'))
  return { ...talos, mirrors, tls }
}

function refusedRegistries(talos: TalosIntent): string[] {
  const refused = [...talos.mirrors.values()].filter((it) => it.endpoints.some(({ url }) => !isTaken(url, talos)))
  return refused.map(({ registry }) => (registry === '*' ? '_default' : registry))
}

function isTaken(url: string, { version }: TalosIntent): boolean {
  return typeof parseTalosEndpoint(url, version) !== 'string'
}
