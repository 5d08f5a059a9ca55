import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { parseVersion, type Version } from '../../src/version.ts'

/** Where `.ci/tools` puts what it unpacks. */
const TOOLS = process.env.PULLPATH_TOOLS ?? join(homedir(), '.cache', 'pullpath-tools')

/** A containerd that the tests run against. */
export interface Containerd {
  path: string
  version: Version
}

/**
 * What keeps the tests of real daemons from running here, in one line; null where nothing does.
 * With `CI=true` a missing tool is no excuse: callers fail on it. `further`: programs that a caller needs besides.
 */
export function missingTools(further: readonly string[] = []): string | null {
  if (process.getuid?.() !== 0) return 'run them as root: they make network namespaces'
  const needed = [...UNPACKED, 'unshare', 'nsenter', 'mount', 'ip', 'openssl', ...further]
  const missing = needed.filter((it) => !isThere(it))
  return missing.length === 0 ? null : `${missing.join(', ')} missing: eval "$(.ci/tools)" gets them`
}

const UNPACKED = [1, 2].map((major) => join(TOOLS, `containerd-${major}`, 'usr', 'bin', 'containerd'))

/** The containerd that `.ci/tools` unpacked, by its major version. */
export function unpackedContainerd(major: 1 | 2): Containerd {
  return containerdAt(UNPACKED[major - 1] ?? '')
}

/** Further ones, named by the environment as a `:`-list of paths. */
export function furtherContainerds(): Containerd[] {
  const paths = (process.env.PULLPATH_CONTAINERD ?? '').split(':').filter((it) => it !== '')
  return paths.map(containerdAt)
}

function containerdAt(path: string): Containerd {
  const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
  const version = parseVersion((stdout ?? '').trim().split(/\s+/)[2] ?? '')
  if (version === null) throw new Error(`${path} --version names no version: ${stdout}`)
  return { path, version }
}

function isThere(tool: string): boolean {
  if (tool.startsWith('/')) return existsSync(tool)
  return (process.env.PATH ?? '').split(':').some((it) => existsSync(join(it, tool)))
}
