import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { join, posix } from 'node:path'
import { unreadable } from '../files/regular-file.ts'
import { systemErrorCode } from '../files/system-error.ts'
import type { UnreadableNode } from '../hosts/tree.ts'

/** Where a path of the node leads. */
export type HostPath =
  | { kind: 'found' /** As this process reaches it. */; real: string; stats: Stats }
  | { kind: 'absent' /** The last directory on the way that exists. */; nearest: string }
  | { kind: 'unreadable'; node: UnreadableNode }

// Linux: fs/namei.c follows at most 40 symbolic links, then it answers ELOOP.
const MAX_LINKS = 40

/**
 * Follows `path` (absolute, as the node's daemons see it) below `hostRoot`, where the node's file system is mounted.
 * Links are followed as the node would: an absolute target starts at `hostRoot`, and `..` never leaves it.
 */
export function resolveHostPath(hostRoot: string, path: string): HostPath {
  let names = path.split('/')
  let at = '/'
  let links = 0
  let stats: Stats
  try {
    stats = lstatSync(hostRoot)
    if (stats.isSymbolicLink()) stats = lstatSync(`${hostRoot}/.`)
  } catch (error) {
    return { kind: 'unreadable', node: unreadable(error) }
  }
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === '' || name === '.') continue
    if (!stats.isDirectory()) return { kind: 'unreadable', node: notADirectory }
    const next = posix.join(at, name)
    try {
      stats = lstatSync(join(hostRoot, next))
      if (stats.isSymbolicLink()) {
        links += 1
        if (links > MAX_LINKS) return { kind: 'unreadable', node: tooManyLinks }
        const target = readlinkSync(join(hostRoot, next))
        if (target.startsWith('/')) at = '/'
        names = [...target.split('/'), ...names]
        stats = lstatSync(join(hostRoot, at))
        continue
      }
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return { kind: 'absent', nearest: join(hostRoot, at) }
      return { kind: 'unreadable', node: unreadable(error) }
    }
    at = next
  }
  return { kind: 'found', real: join(hostRoot, at), stats }
}

const notADirectory: UnreadableNode = { kind: 'unreadable', code: 'ENOTDIR', message: 'not a directory' }
const tooManyLinks: UnreadableNode = {
  kind: 'unreadable',
  code: 'ELOOP',
  message: 'too many symbolic links encountered',
}
