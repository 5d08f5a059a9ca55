import { PullpathError } from '../errors.ts'

/** Why the agent cannot listen, as an error that says what to set; what else went wrong comes back as it is. */
export function listenError(error: unknown, host: string, port: number): unknown {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined
  if (code === 'EADDRINUSE') {
    return new PullpathError('PP_PORT_IN_USE', `port ${port} of ${host} is taken`, {
      advice: 'end what listens there, or set http.port',
      cause: error,
    })
  }
  if (code !== 'EADDRNOTAVAIL' && code !== 'EACCES' && code !== 'ENOTFOUND') return error
  return new PullpathError('PP_CONFIG_INVALID', `http: cannot listen on port ${port} of ${host}: ${code}`, {
    advice: 'set http.host to an address of this machine and http.port to a free port',
    cause: error,
  })
}
