import { createHash, timingSafeEqual } from 'node:crypto'

/** Whether an `Authorization` header shows this token. How long it takes says nothing about the token. */
export function showsToken(authorization: string | undefined, token: string): boolean {
  const shown = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
  return shown !== undefined && timingSafeEqual(hashOf(shown), hashOf(token))
}

/** Of one length, whatever is compared. */
function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
