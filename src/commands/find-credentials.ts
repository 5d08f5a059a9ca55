import { homedir } from 'node:os'
import { join } from 'node:path'
import { PullpathError } from '../errors.ts'
import { readRegularFile } from '../files/regular-file.ts'
import { Credentials } from '../registry/credentials.ts'
import { credentialsFor, type DockerConfig, parseDockerConfig } from '../registry/docker-config.ts'
import type { CommandContext } from './command.ts'

/** Credentials, and in words for people where they were found or looked for. Never on the command line. */
export interface FoundCredentials {
  credentials: Credentials | null
  source: string
}

/**
 * By the environment; else by the first docker config.json that has the host: the configured one, then docker's own.
 * `host`: as a URL has it. Throws PP_USAGE, PP_FILE_UNREADABLE and PP_DOCKER_CONFIG_INVALID; no secret is in a message.
 */
export function findCredentials(
  host: string,
  environment: CommandContext['environment'],
  configuredFile: string | null,
): FoundCredentials {
  const [username = '', password = ''] = [environment.PULLPATH_USERNAME, environment.PULLPATH_PASSWORD]
  if (username !== '' && password !== '') {
    const source = 'PULLPATH_USERNAME and PULLPATH_PASSWORD'
    return { credentials: Credentials.password(username, password), source }
  }
  if (username !== '' || password !== '') {
    throw new PullpathError('PP_USAGE', 'PULLPATH_USERNAME and PULLPATH_PASSWORD: only one of them is set', {
      advice: 'set both, or neither',
    })
  }
  const dockersOwn = join(environment.DOCKER_CONFIG || join(environment.HOME || homedir(), '.docker'), 'config.json')
  const files = [...(configuredFile === null ? [] : [configuredFile]), dockersOwn]
  for (const file of files) {
    const text = textOf(file, file === configuredFile)
    if (text === null) continue
    const credentials = credentialsFor(parseNamed(file, text), host)
    if (credentials !== null) return { credentials, source: file }
  }
  return { credentials: null, source: `none for ${host}, neither in the environment nor in ${files.join(' or ')}` }
}

/** null: the file is not there, and need not be. */
function textOf(file: string, isNeeded: boolean): string | null {
  const reading = readRegularFile(file)
  if (reading.kind === 'file' && reading.text !== null) return reading.text
  if (reading.kind === 'unreadable' && reading.code === 'ENOENT' && !isNeeded) return null
  const why = reading.kind === 'unreadable' ? reading.message : 'it is too large, or not UTF-8'
  throw new PullpathError('PP_FILE_UNREADABLE', `the docker configuration ${file} cannot be read: ${why}`, {
    advice: isNeeded ? 'look at registryAuth.dockerConfigFile' : 'make it readable, or set DOCKER_CONFIG',
  })
}

function parseNamed(file: string, text: string): DockerConfig {
  try {
    return parseDockerConfig(text)
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
    throw new PullpathError(error.code, `${file}: ${error.message}`, {
      advice: 'mend it, or set PULLPATH_USERNAME and PULLPATH_PASSWORD',
    })
  }
}
