import { readFileSync } from 'node:fs'
import { PullpathError } from '../errors.ts'

/** A shorter one could be guessed, an empty one would let everybody in. */
const SHORTEST = 16

/**
 * The bearer token that starting a measurement requires, read anew each time: a Secret that is mounted changes. null:
 * none is configured. Throws PP_FILE_UNREADABLE.
 */
export function readToken(file: string | null): string | null {
  if (file === null) return null
  let token: string
  try {
    token = readFileSync(file, 'utf8').trim()
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new PullpathError('PP_FILE_UNREADABLE', `http.tokenFile cannot be read: ${code}`, {
      advice: 'look at the path and at who may read it',
    })
  }
  if (token.length >= SHORTEST && !/\s/.test(token)) return token
  throw new PullpathError('PP_FILE_UNREADABLE', `http.tokenFile holds no token of ${SHORTEST} characters or more`, {
    advice: 'write one line such as `openssl rand -hex 32` prints',
  })
}
