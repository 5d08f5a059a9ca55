import type { Version } from '../version.ts'
import type { PullMode } from './pull-path.ts'

/** Where a fact about the daemon comes from: itself, its files, the agent's own configuration, the Node's object, or nowhere. */
export type FactOrigin = 'daemon' | 'file' | 'configured' | 'node' | 'assumed'

/** A fact, and how it is known. */
export interface Known<T> {
  value: T
  origin: FactOrigin
  /** What was asked or read: a call, `file:line:column`, a field of the configuration. */
  source: string
  /** ISO 8601: when it was read; empty where it was not read anywhere. */
  at: string
}

/** What the running daemon says of itself. null: this release does not tell, and its files must. */
export interface RunningDaemon {
  version: Known<Version>
  /** ISO 8601: when it began to listen. It reads its configuration only then. */
  startedAt: Known<string>
  /** `transfer` cannot be told from outside: a setting that forces local pull may be one that is not shown. */
  pullMode: Known<PullMode> | null
  configPath: Known<string> | null
  legacyMirrors: Known<ReadonlyMap<string, readonly string[]>> | null
  discardUnpackedLayers: Known<boolean> | null
  /** Why CRI does not work, in containerd's words; null: it does. */
  criFailure: Known<string> | null
}

/** One fact about the daemon as it is shown, and how it is known. */
export interface DaemonFact {
  name: 'version' | 'started' | 'pull mode' | 'config_path' | 'discard_unpacked_layers'
  value: string
  origin: FactOrigin
  /** What was asked or read: a call, a place in a file, a field of the agent's configuration; empty where assumed. */
  source: string
  /** ISO 8601: when it was read; empty where it was not read anywhere. */
  at: string
}
