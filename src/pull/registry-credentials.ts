import { readFileSync } from 'node:fs'
import { PullpathError } from '../errors.ts'
import type { Credentials } from '../registry/credentials.ts'
import { credentialsFor, parseDockerConfig } from '../registry/docker-config.ts'

/** The credentials of hosts in a docker config.json; null: there are none. Throws PP_FILE_UNREADABLE, PP_DOCKER_CONFIG_INVALID. */
export function readCredentials(file: string | null): (host: string) => Credentials | null {
  if (file === null) return () => null
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable'
    throw new PullpathError('PP_FILE_UNREADABLE', `registryAuth.dockerConfigFile cannot be read: ${code}`, {
      advice: 'look at the path and at who may read it',
    })
  }
  const config = parseDockerConfig(text)
  return (host) => credentialsFor(config, host)
}
