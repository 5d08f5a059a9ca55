import type { SpegelRules } from './spegel-rules.ts'

export interface SpegelFileSettings {
  /** The last resort; empty: no such line (the wildcard). */
  server: string
  /** URLs of Spegel's own registry, in the order of its arguments. */
  targets: readonly string[]
  resolveTags: boolean
  basicAuth: boolean
}

/** The credentials themselves are not known, and would not be shown. */
const SECRET = '***'

/** The part of a hosts.toml that Spegel makes itself: no indentation, and no newline at its end. */
export function spegelHostsFile(settings: SpegelFileSettings, rules: SpegelRules): string {
  const capabilities = settings.resolveTags ? "['pull', 'resolve']" : "['pull']"
  const hosts = settings.targets.map((target) => {
    const lines = [`[host.'${target}']`, `capabilities = ${capabilities}`]
    if (rules.dialTimeout) lines.push("dial_timeout = '200ms'")
    if (settings.basicAuth) lines.push(`[host.'${target}'.header]`, `Authorization = '${SECRET}'`)
    return lines.join('\n')
  })
  const server = settings.server === '' ? [] : [`server = '${spegelServer(settings.server)}'`]
  return [...server, ...hosts].join('\n\n')
}

/** docker.io is no registry API host. */
function spegelServer(url: string): string {
  return url === 'https://docker.io' ? 'https://registry-1.docker.io' : url
}
