import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PullCase, Seen } from './pull-case.ts'

/** What some daemons did in a case. */
export interface Recording {
  /** Each a release and a profile: `2.1.9+unknown talos`. */
  on: readonly string[]
  did: Seen
}

/** A case that a reader wants to see held, or in which the prediction was wrong once, with what real daemons did. */
export interface KnownCase {
  name: string
  /** What it holds, in a sentence. */
  about: string
  case: PullCase
  seen: readonly Recording[]
}

const DIRECTORY = join(import.meta.dirname, '..', 'fixtures', 'daemon')

/** All fixtures, each named as its file is. */
export function knownCases(): KnownCase[] {
  return readdirSync(DIRECTORY)
    .filter((it) => it.endsWith('.json'))
    .sort()
    .map((it) => ({ name: it.replace(/\.json$/, ''), ...JSON.parse(readFileSync(join(DIRECTORY, it), 'utf8')) }))
}

/** Writes the fixture of a case anew. */
export function writeKnownCase({ name, ...content }: KnownCase): void {
  writeFileSync(join(DIRECTORY, `${name}.json`), `${JSON.stringify(content, null, 2)}\n`)
}

/** What a daemon was recorded to do; undefined where it never ran the case. */
export function recordedOn({ seen }: KnownCase, daemon: string): Seen | undefined {
  return seen.find(({ on }) => on.includes(daemon))?.did
}
