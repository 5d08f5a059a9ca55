import { getSystemErrorMessage } from 'node:util'

/** The system's code of a failed call (`EACCES`); `EIO` where there is none. */
export function systemErrorCode(error: unknown): string {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  return typeof code === 'string' ? code : 'EIO'
}

/** `permission denied`, without paths: the caller knows which path a person should read. */
export function systemErrorText(error: unknown): string {
  const number: unknown = error instanceof Error ? Reflect.get(error, 'errno') : undefined
  if (typeof number === 'number') return getSystemErrorMessage(number)
  return error instanceof Error ? error.message : String(error)
}
