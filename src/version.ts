/** A release of containerd, Talos or Spegel: `2.1.9+unknown`, `v1.13.6`, `1.7.24~ds1`, `2.0.0-rc.4`. */
export interface Version {
  major: number
  minor: number
  patch: number
  /** `rc.4`, `beta.0`; empty for a release. Debian's `~ds1` and build metadata are not pre-releases. */
  pre: string
  /** As it was written. */
  text: string
}

const PATTERN = /^v?(\d+)\.(\d+)(?:\.(\d+))?(?:-((?:alpha|beta|rc|pre)[0-9A-Za-z.]*))?(?:[-+~].*)?$/

/** Reads a version; null where the text is none. A missing patch number is 0. */
export function parseVersion(text: string): Version | null {
  const match = PATTERN.exec(text.trim())
  if (match === null) return null
  const [, major, minor, patch, pre] = match
  return { major: Number(major), minor: Number(minor), patch: Number(patch ?? 0), pre: pre ?? '', text: text.trim() }
}

/** Negative where `a` is older than `b`. A pre-release is older than its release. */
export function compareVersions(a: Version, b: Version): number {
  const numbers = a.major - b.major || a.minor - b.minor || a.patch - b.patch
  if (numbers !== 0 || a.pre === b.pre) return numbers
  if (a.pre === '') return 1
  if (b.pre === '') return -1
  return a.pre.localeCompare(b.pre, 'en', { numeric: true })
}

/** Whether `version` is `bound` or newer; `bound` is written out in the rules, as in `'2.0.7'`. */
export function isAtLeast(version: Version, bound: string): boolean {
  const parsed = parseVersion(bound)
  if (parsed === null) throw new TypeError(`not a version: ${bound}`)
  return compareVersions(version, parsed) >= 0
}
