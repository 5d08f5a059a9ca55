import { lstatSync, readlinkSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'
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
  const root = hostRoot.replace(/\/+$/, '')
  let names = path.split('/')
  let at = '/'
  let links = 0
  let stats: Stats
  try {
    stats = lstatSync(`${root}/.`)
  } catch (error) {
    return { kind: 'unreadable', node: unreadable(error) }
  }
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === '' || name === '.') continue
    if (!stats.isDirectory()) return { kind: 'unreadable', node: notADirectory }
    const next = name === '..' ? dirname(at) : pathIn(at, name)
    try {
      stats = lstatSync(root + next)
      if (stats.isSymbolicLink()) {
        links += 1
        if (links > MAX_LINKS) return { kind: 'unreadable', node: tooManyLinks }
        const target = readlinkSync(root + next)
        if (target.startsWith('/')) at = '/'
        names = [...target.split('/'), ...names]
        stats = lstatSync(root + at)
        continue
      }
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return { kind: 'absent', nearest: root + at }
      return { kind: 'unreadable', node: unreadable(error) }
    }
    at = next
  }
  return { kind: 'found', real: root + at, stats }
}

/** The path of an entry; `name` is one name, not a path, so that nothing needs to be normalised. */
export function pathIn(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`
}

const notADirectory: UnreadableNode = { kind: 'unreadable', code: 'ENOTDIR', message: 'not a directory' }
const tooManyLinks: UnreadableNode = {
  kind: 'unreadable',
  code: 'ELOOP',
  message: 'too many symbolic links encountered',
}
