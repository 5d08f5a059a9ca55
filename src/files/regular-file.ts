import { isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import type { FileNode, UnreadableNode } from '../hosts/tree.ts'
import { systemErrorCode, systemErrorText } from './system-error.ts'

/** No hosts.toml, patch or configuration comes near it; more is never read into memory. */
export const MAX_FILE_BYTES = 1024 * 1024

/**
 * Reads a file whole, if it is a regular file of at most `limit` bytes and UTF-8. Follows symbolic links as this
 * machine sees them. Never waits: a FIFO is opened without blocking and not read, a device is not read either.
 */
export function readRegularFile(path: string, limit: number = MAX_FILE_BYTES): FileNode | UnreadableNode {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch (error) {
    return unreadable(error)
  }
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) return notRegular(stats)
    const facts = { kind: 'file', size: stats.size, mode: stats.mode & 0o7777, modifiedAt: stats.mtimeMs } as const
    if (stats.size > limit) return { ...facts, text: null, omitted: 'too-large' }
    const bytes = readAtMost(descriptor, limit)
    if (bytes === null) return { ...facts, text: null, omitted: 'too-large' }
    const text = decode(bytes)
    return { ...facts, size: bytes.length, text, omitted: text === null ? 'not-utf8' : null }
  } catch (error) {
    return unreadable(error)
  } finally {
    closeSync(descriptor)
  }
}

/** What stands where a regular file should be. */
export function notRegular(stats: Stats): UnreadableNode {
  if (stats.isDirectory()) return { kind: 'unreadable', code: 'EISDIR', message: 'is a directory' }
  const what = stats.isFIFO() ? 'a FIFO' : stats.isSocket() ? 'a socket' : 'a device'
  return { kind: 'unreadable', code: 'ENOTREG', message: `is ${what}, not a regular file` }
}

export function unreadable(error: unknown): UnreadableNode {
  return { kind: 'unreadable', code: systemErrorCode(error), message: systemErrorText(error) }
}

/** null: more than `limit` bytes, in a file that grew after its size was taken. */
function readAtMost(descriptor: number, limit: number): Buffer | null {
  const chunks: Buffer[] = []
  let total = 0
  for (;;) {
    const chunk = Buffer.allocUnsafe(16 * 1024)
    const length = readSync(descriptor, chunk)
    if (length === 0) return Buffer.concat(chunks, total)
    total += length
    if (total > limit) return null
    chunks.push(chunk.subarray(0, length))
  }
}

function decode(bytes: Buffer): string | null {
  return isUtf8(bytes) ? bytes.toString('utf8') : null
}
