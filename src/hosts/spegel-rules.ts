import { isAtLeast, type Version } from '../version.ts'

/** How a release of Spegel writes; read in pkg/oci/containerd.go of v0.1.0 to v0.7.4 and of main. */
export interface SpegelRules {
  /** Words that may be listed for "every registry". */
  wildcards: readonly string[]
  /** From 0.5 on a second wildcard is refused. */
  oneWildcard: boolean
  /** From 0.4 on targets are held to the same rules as registries. */
  validatesTargets: boolean
  /** Before 0.4 the wildcard's old entries are looked for in `_backup` itself, where none are. */
  wildcardHost: '_default' | ''
  /** In 0.4 alone `http://_default` counts as the wildcard too. */
  wildcardByHost: boolean
  dialTimeout: boolean
  copiesCertificates: boolean
  /** Main is built for Go 1.26, which refuses an IPv6 address without brackets; 0.7 is not. */
  strictColons: boolean
}

/** The rules of a version; versions below 0.1 are refused before this. */
export function spegelRules(version: Version): SpegelRules {
  // A pre-release already writes as its release does.
  const since = (bound: string) => isAtLeast({ ...version, pre: '' }, bound)
  return {
    wildcards: since('0.5.0') ? ['_default', '*'] : since('0.4.0') ? ['_default'] : [],
    oneWildcard: since('0.5.0'),
    validatesTargets: since('0.4.0'),
    wildcardHost: since('0.4.0') ? '_default' : '',
    wildcardByHost: since('0.4.0') && !since('0.5.0'),
    dialTimeout: since('0.3.0'),
    copiesCertificates: since('0.5.0'),
    strictColons: since('0.8.0'),
  }
}
