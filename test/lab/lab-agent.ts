import { openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LabApi } from './lab-api.ts'
import type { Machine, Program } from './machine.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const CONFIGURATION = '/run/pullpath.yaml'
const LOG = '/run/pullpath.log'
export const AGENT_PORT = 9478

/** Where Kubernetes mounts it; inside the machine, whose `/run` is its own. */
const SERVICE_ACCOUNT = `
directory=/var/run/secrets/kubernetes.io/serviceaccount
mkdir -p "$directory"
printf %s "$1" > "$directory/token"
printf %s "$2" > "$directory/ca.crt"
printf %s kube-system > "$directory/namespace"
`

/** The agent on a machine of the lab, as it runs in a pod of the host's network. */
export interface LabAgent {
  /** What it answers; waits for it to listen. */
  get(path: string): Promise<string>
  stop(): Promise<void>
}

/** `configuration`: without `http`. `token`: of its service account. */
export async function startLabAgent(
  machine: Machine,
  { api, token, configuration }: { api: LabApi; token: string; configuration: string },
): Promise<LabAgent> {
  const { address } = machine
  await machine.run('sh', ['-euc', SERVICE_ACCOUNT, 'sh', token, api.ca])
  writeFileSync(machine.outside(CONFIGURATION), `${configuration}http: { host: ${address}, port: ${AGENT_PORT} }\n`)
  const program: Program = machine.start(process.execPath, [MAIN, 'agent', '--config', CONFIGURATION], {
    env: { KUBERNETES_SERVICE_HOST: api.address, KUBERNETES_SERVICE_PORT: `${api.port}` },
    log: openSync(machine.outside(LOG), 'a'),
  })
  return {
    get(path) {
      const url = `http://${address}:${AGENT_PORT}${path}`
      return machine.run('curl', ['-sS', '--retry', '20', '--retry-connrefused', '--retry-delay', '1', url])
    },
    stop: () => program.stop(),
  }
}
