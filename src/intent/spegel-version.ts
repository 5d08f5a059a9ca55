import { PullpathError } from '../errors.ts'
import type { SourcePosition } from '../source-position.ts'
import { compareVersions, isAtLeast, parseVersion, type Version } from '../version.ts'

/** Spegel's releases from 0.1 on, oldest first: what a range of versions in Git can select. */
const RELEASES = '0.1.0 0.1.1 0.2.0 0.3.0 0.4.0 0.5.0 0.5.1 0.6.0 0.7.0 0.7.1 0.7.2 0.7.3 0.7.4'
  .split(' ')
  .map((text) => parseVersion(text))
  .filter((version) => version !== null)

/** The newest stable release, assumed where no version is given. */
export const NEWEST_SPEGEL: Version = { major: 0, minor: 7, patch: 4, pre: '', text: '0.7.4' }

/** What is built from Spegel's main branch: newer than every release that is known here. */
export const SPEGEL_MAIN: Version = { major: 0, minor: 8, patch: 0, pre: 'main', text: 'main' }

/** Below it the values and flags had other names, and nobody should run it any more. */
const OLDEST = '0.1.0'

/** Charts and images that are built from a checkout carry this instead of a version: it says nothing. */
const PLACEHOLDER = /^v?0\.0\.1$/

/** Reads a version of Spegel, `v0.7.4`, `0.7.4`, or `main`, `latest` and a commit, which mean main; null: none of these. */
export function parseSpegelVersion(text: string): Version | null {
  const trimmed = text.trim()
  if (/^(main|latest|edge|nightly|(sha-)?[0-9a-f]{7,40})$/i.test(trimmed)) return { ...SPEGEL_MAIN, text: trimmed }
  return parseVersion(trimmed)
}

/** A version as the files name it, before it is settled which one counts. */
export interface NamedVersion {
  /** A version or a range of versions; null: the file names a digest or nothing. */
  text: string | null
  /** Who names it, for a person: `the OCIRepository spegel`. */
  where: string
  source: SourcePosition | null
}

export interface SettledVersion {
  version: Version
  assumed: boolean
  /** Why this version, where it is not written out; null where it is. */
  note: string | null
}

/**
 * The version that counts: the one asked for on the command line, else the one that a file names, else the newest.
 * Throws PP_VERSION_UNSUPPORTED for one below 0.1 and PP_VERSION_INVALID for one that cannot be read.
 */
export function settleVersion(asked: Version | null, named: NamedVersion | null): SettledVersion {
  if (asked !== null) {
    refuseOldVersion(asked, null)
    return { version: asked, assumed: false, note: null }
  }
  const text = named?.text ?? null
  if (named === null || text === null || PLACEHOLDER.test(text)) {
    const why =
      named === null || text !== null ? 'the files name no version of Spegel' : `${named.where} names no version`
    return { version: NEWEST_SPEGEL, assumed: true, note: `${why}: the newest release, 0.7.4, is assumed` }
  }
  if (text.includes('${')) {
    const why = `${named.where} has the variable ${text} for its version, which Flux fills in`
    return { version: NEWEST_SPEGEL, assumed: true, note: `${why}: the newest release, 0.7.4, is assumed` }
  }
  const exact = parseSpegelVersion(text)
  if (exact !== null) {
    refuseOldVersion(exact, named.source)
    return { version: exact, assumed: false, note: null }
  }
  return newestWithin(text, named)
}

function newestWithin(range: string, named: NamedVersion): SettledVersion {
  const accepts = versionRange(range)
  if (accepts === null) {
    throw new PullpathError('PP_VERSION_INVALID', `${named.where} asks for "${range}", which is no version of Spegel`, {
      position: named.source,
      advice: 'write one like 0.7.4, or a range like ~0.7.0',
    })
  }
  const newest = RELEASES.findLast((release) => accepts(release))
  if (newest !== undefined) {
    const note = `${named.where} accepts the versions ${range}: the newest of them, ${newest.text}, is assumed`
    return { version: newest, assumed: true, note }
  }
  // Ranges that only match releases before 0.1, such as 0.0.x and <0.1.
  const old = Array.from({ length: 30 }, (_, patch) => ({ ...NEWEST_SPEGEL, minor: 0, patch: patch + 1, text: range }))
  const accepted = old.findLast((release) => accepts(release))
  if (accepted !== undefined) refuseOldVersion(accepted, named.source)
  const note = `${named.where} accepts the versions ${range}, which are newer than all that Pullpath knows: the shape of Spegel's main branch is assumed`
  return { version: { ...SPEGEL_MAIN, text: range }, assumed: true, note }
}

/** Throws PP_VERSION_UNSUPPORTED for a version before 0.1. */
export function refuseOldVersion(version: Version, source: SourcePosition | null): void {
  if (isAtLeast(version, OLDEST)) return
  throw new PullpathError(
    'PP_VERSION_UNSUPPORTED',
    `Spegel ${version.text} is older than 0.1, which is the oldest that Pullpath supports`,
    {
      position: source,
      advice:
        'upgrade to 0.7.4; there registries is called mirroredRegistries, additionalMirrorRegistries is additionalMirrorTargets and appendMirrors is prependExisting',
    },
  )
}

type Accepts = (version: Version) => boolean

/** Reads a range as Helm and Flux do (Masterminds semver): `~0.7.0`, `>=0.6 <0.7`, `0.x`, `0.5 - 0.6`, `||`. */
function versionRange(text: string): Accepts | null {
  const alternatives = text.split('||').map((it) => allOf(it.trim()))
  if (alternatives.some((it) => it === null)) return null
  return (version) => alternatives.some((accepts) => accepts?.(version))
}

function allOf(text: string): Accepts | null {
  const spelled = text.replace(/(\S+)\s+-\s+(\S+)/g, '>=$1 <=$2').replace(/([<>=~^!]+)\s+/g, '$1')
  const parts = spelled.split(/[\s,]+/).filter((it) => it !== '')
  const bounds = parts.map((it) => oneBound(it))
  if (bounds.length === 0 || bounds.some((it) => it === null)) return null
  return (version) => bounds.every((accepts) => accepts?.(version))
}

const BOUND =
  /^(=|==|!=|>|<|>=|=>|<=|=<|~|~>|\^)?v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:-[\w.-]+)?(?:\+[\w.-]+)?$/

function oneBound(text: string): Accepts | null {
  const match = BOUND.exec(text)
  if (match === null) return null
  const [, operator = '', ...written] = match
  const numbers = written.map((it) => (it === undefined || /[xX*]/.test(it) ? null : Number(it)))
  const given = numbers.indexOf(null) === -1 ? 3 : numbers.indexOf(null)
  const from = at(numbers.slice(0, given))
  // The first version after all that the written numbers cover: 0.7 covers 0.7.0 up to, not including, 0.8.0.
  const after = next(numbers.slice(0, given))
  const compared = (bound: Version | null, test: (order: number) => boolean): Accepts => {
    return (version) => bound === null || test(compareVersions(version, bound))
  }
  const isFrom = compared(from, (order) => order >= 0)
  const isBefore = (bound: Version | null): Accepts => compared(bound, (order) => order < 0)
  const both = (bound: Version | null): Accepts => {
    const before = isBefore(bound)
    return (version) => isFrom(version) && before(version)
  }
  if (operator === '>=' || operator === '=>') return isFrom
  if (operator === '<') return (version) => compareVersions(version, from) < 0
  if (operator === '<=' || operator === '=<') return isBefore(after)
  if (operator === '>') return (version) => after !== null && compareVersions(version, after) >= 0
  if (operator === '!=') return (version) => !both(after)(version)
  if (operator === '~' || operator === '~>') return both(next(numbers.slice(0, Math.min(given, 2))))
  if (operator === '^') return both(next(caretPart(numbers.slice(0, given))))
  return both(after)
}

/** `^` keeps the first number that is not 0: ^0.7.1 stays below 0.8, ^0.0.3 below 0.0.4. */
function caretPart(numbers: readonly (number | null)[]): (number | null)[] {
  const first = numbers.findIndex((it) => it !== 0)
  return numbers.slice(0, first === -1 ? numbers.length : first + 1)
}

function at(numbers: readonly (number | null)[]): Version {
  const [major, minor, patch] = numbers
  return { major: major ?? 0, minor: minor ?? 0, patch: patch ?? 0, pre: '', text: numbers.join('.') }
}

function next(numbers: readonly (number | null)[]): Version | null {
  if (numbers.length === 0) return null
  return at(numbers.map((it, index) => (index === numbers.length - 1 ? (it ?? 0) + 1 : it)))
}
