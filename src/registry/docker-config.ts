import { PullpathError } from '../errors.ts'
import { Credentials } from './credentials.ts'

/** Credentials by registry, as `docker login` and Kubernetes' pull secrets keep them. */
export type DockerConfig = ReadonlyMap<string, Credentials>

/** Docker Hub's names, all of which mean its first registry. */
const DOCKER_HUB = 'index.docker.io'
const DOCKER_HUB_ALIASES = new Set(['docker.io', 'registry-1.docker.io'])

/**
 * Reads the text of a config.json, by host. Only `auths` counts: credential helpers are programs, and are not run.
 * Throws PP_DOCKER_CONFIG_INVALID. What the text holds is in no message.
 */
export function parseDockerConfig(text: string): DockerConfig {
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    throw invalid('it is not JSON') // The parser's own words quote the text.
  }
  if (!isObject(document)) throw invalid('it is no object')
  const { auths = {} } = document
  if (!isObject(auths)) throw invalid('`auths` is no object')
  const config = new Map<string, Credentials>()
  for (const [name, entry] of Object.entries(auths)) {
    if (!isObject(entry)) throw invalid(`the entry of ${hostOf(name)} is no object`)
    const credentials = credentialsIn(entry, hostOf(name))
    if (credentials !== null) config.set(hostOf(name), credentials)
  }
  return config
}

/** The credentials of a host as a URL has it, `192.168.1.106` or `127.0.0.1:5000`; null: there are none. */
export function credentialsFor(config: DockerConfig, host: string): Credentials | null {
  return config.get(hostOf(host)) ?? null
}

/** Keys are hosts, or URLs of registries: `https://index.docker.io/v1/`. */
function hostOf(name: string): string {
  const host = name.replace(/^https?:\/\//, '').split('/', 1)[0] ?? ''
  return DOCKER_HUB_ALIASES.has(host) ? DOCKER_HUB : host
}

function credentialsIn({ auth, username, password, identitytoken }: Record<string, unknown>, host: string) {
  if (isText(identitytoken)) return Credentials.identityToken(identitytoken)
  if (isText(auth)) {
    const decoded = Buffer.from(auth, 'base64').toString('utf8')
    const colon = decoded.indexOf(':')
    if (colon < 1) throw invalid(`\`auth\` of ${host} is no base64 of name:password`)
    return Credentials.password(decoded.slice(0, colon), decoded.slice(colon + 1).replace(/\0+$/, ''))
  }
  return isText(username) && isText(password) ? Credentials.password(username, password) : null
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalid(what: string): PullpathError {
  return new PullpathError('PP_DOCKER_CONFIG_INVALID', `the docker config.json cannot be read: ${what}`)
}
