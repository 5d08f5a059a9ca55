import { type GoUrl, goQueryIsEmpty, goUrlText, parseGoUrl } from '../format/go-url.ts'
import type { SpegelRules } from './spegel-rules.ts'

/** One registry or target as Spegel's `configuration` container reads it. */
export interface SpegelUrl {
  /** The directory's name, `url.Host` verbatim; it may be empty or `..`, as nothing checks it. */
  host: string
  /** As `URL.String()` prints it; empty for the wildcard. */
  text: string
}

/** All URLs, or the error that makes the container fail before it touches anything. An empty list is the wildcard. */
export function parseSpegelRegistries(registries: readonly string[], rules: SpegelRules): SpegelUrl[] | string {
  const wildcard: SpegelUrl = { host: rules.wildcardHost, text: '' }
  if (registries.length === 0) return [wildcard]
  if (rules.oneWildcard && registries.filter((it) => rules.wildcards.includes(it)).length > 1) {
    return 'registries should not contain two wildcards'
  }
  const parsed: SpegelUrl[] = []
  for (const text of registries) {
    const url = rules.wildcards.includes(text) ? wildcard : parseSpegelUrl(text, rules)
    if (typeof url === 'string') return url
    parsed.push(rules.wildcardByHost && url.host === '_default' ? wildcard : url)
  }
  return parsed
}

/** The mirror targets, or the error. */
export function parseSpegelTargets(targets: readonly string[], rules: SpegelRules): SpegelUrl[] | string {
  const parsed: SpegelUrl[] = []
  for (const text of targets) {
    if (rules.oneWildcard && rules.wildcards.includes(text)) return 'wildcard registries are not allowed'
    const url = rules.validatesTargets ? parseSpegelUrl(text, rules) : parseUncheckedTarget(text, rules)
    if (typeof url === 'string') return url
    parsed.push(url)
  }
  return parsed
}

function parseSpegelUrl(text: string, rules: SpegelRules): SpegelUrl | string {
  const url = parseGoUrl(text, rules)
  if (typeof url === 'string') return `parse "${text}": ${url}`
  const refused = refusal(url)
  if (refused !== null) return `invalid registry url ${refused}: ${text}`
  return { host: url.host, text: goUrlText(url) }
}

function refusal(url: GoUrl): string | null {
  if (url.scheme !== 'http' && url.scheme !== 'https') return 'scheme must be http or https'
  if (url.path !== '') return 'path has to be empty'
  if (!goQueryIsEmpty(url.query)) return 'query has to be empty'
  if (url.hasUser) return 'user has to be empty'
  return null
}

function parseUncheckedTarget(text: string, rules: SpegelRules): SpegelUrl | string {
  const url = parseGoUrl(text, rules)
  if (typeof url === 'string') return `parse "${text}": ${url}`
  return { host: url.host, text: url.scheme !== '' && url.path === '' && !url.hasUser ? goUrlText(url) : text }
}
