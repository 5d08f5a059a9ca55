import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PullProfile } from './daemon-configuration.ts'
import type { PullCase, Seen } from './pull-case.ts'

/** A case in which the prediction was wrong once, with what the real daemons did. */
export interface KnownCase {
  name: string
  /** What it holds, in a sentence. */
  about: string
  case: PullCase
  /** What the daemon of a release did in a profile. */
  seen: readonly { containerd: string; profile: PullProfile; did: Seen }[]
}

const DIRECTORY = join(import.meta.dirname, '..', 'fixtures', 'daemon')

/** All fixtures, each named as its file is. */
export function knownCases(): KnownCase[] {
  return readdirSync(DIRECTORY)
    .filter((it) => it.endsWith('.json'))
    .sort()
    .map((it) => ({ name: it.replace(/\.json$/, ''), ...JSON.parse(readFileSync(join(DIRECTORY, it), 'utf8')) }))
}
