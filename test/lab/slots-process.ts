/**
 * An agent on a machine of the lab, whose cluster is told by a file: a list of EndpointSlices.
 * Its arguments are its configuration and that file.
 */
import { readFileSync } from 'node:fs'
import { startAgent } from '../../src/agent.ts'
import { type KubeApi, KubeError } from '../../src/kube/kube-api.ts'

const [configFile = '', slicesFile = ''] = process.argv.slice(2)

async function refuse(): Promise<never> {
  throw new KubeError({ reason: 'forbidden', message: 'the lab has no such thing' })
}

const api: KubeApi = {
  get: async () => ({ items: JSON.parse(readFileSync(slicesFile, 'utf8')) }),
  create: refuse,
  patch: refuse,
  follow: () => ({ stop: () => {} }),
}
const agent = await startAgent({ configFile, openKube: async () => ({ state: 'open', api }) })
process.once('SIGTERM', () => void agent.stop())
