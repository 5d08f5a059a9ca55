import { isAtLeast, type Version } from '../version.ts'
import { basicString, goTomlKey, goTomlString, goTomlV1Key } from './go-toml-text.ts'

/** One endpoint of a hosts.toml that Talos writes. */
export interface HostsFileEntry {
  url: string
  /** A mirror names `pull` and `resolve`; a host that has only TLS settings names none. */
  capabilities: boolean
  overridePath: boolean
  skipVerify?: boolean
  /** Absolute path of the CA file. */
  ca?: string
  /** Absolute paths of certificate and key. */
  client?: readonly [string, string]
}

/**
 * The text of a hosts.toml: `root` at the top level as the last resort, then the hosts in order. Without both it is
 * empty. The same URL twice gives the same table twice, which is no valid TOML: so does Talos.
 */
export function talosHostsFile(
  version: Version,
  root: HostsFileEntry | undefined,
  hosts: readonly HostsFileEntry[],
): string {
  if (!isAtLeast(version, '1.8.0-beta.0')) return hostsFileBefore18(hosts)
  const lines: string[] = []
  // Zero values are omitted, an empty URL too.
  if (root !== undefined && root.url !== '') lines.push(`server = ${goTomlString(root.url)}`)
  if (root !== undefined) lines.push(...settings(root, goTomlString))
  if (hosts.length > 0) lines.push('[host]')
  for (const host of hosts) {
    lines.push(`  [host.${goTomlKey(host.url)}]`, ...settings(host, goTomlString).map((line) => `    ${line}`))
  }
  return lines.map((line) => `${line}\n`).join('')
}

/** go-toml v1: double quotes, keys sorted, an empty line before every table. */
function hostsFileBefore18(hosts: readonly HostsFileEntry[]): string {
  const tables = hosts.map((host) => {
    const lines = settings(host, basicString)
      .sort()
      .map((line) => `    ${line}\n`)
    return `\n  [host.${goTomlV1Key(host.url)}]\n${lines.join('')}`
  })
  return tables.length === 0 ? '' : `\n[host]\n${tables.join('')}`
}

function settings(entry: HostsFileEntry, quote: (text: string) => string): string[] {
  const lines: string[] = []
  if (entry.capabilities) lines.push(`capabilities = [${quote('pull')}, ${quote('resolve')}]`)
  if (entry.overridePath) lines.push('override_path = true')
  if (entry.ca !== undefined) lines.push(`ca = ${quote(entry.ca)}`)
  if (entry.client !== undefined) lines.push(`client = [[${entry.client.map(quote).join(', ')}]]`)
  if (entry.skipVerify === true) lines.push('skip_verify = true')
  return lines
}
