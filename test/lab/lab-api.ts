import { readFileSync } from 'node:fs'
import type { ApiServerOptions } from '../kube/api-server.ts'
import type { JournalEntry } from '../kube/journal.ts'
import type { User } from '../kube/rbac.ts'
import type { ApiOrder, PutOrder, SentBytes } from './api-process.ts'
import { startAsked } from './asked-process.ts'
import type { Machine } from './machine.ts'

const PORT = 6443
const [CERTIFICATE, KEY] = ['/run/api.crt', '/run/api.key']

/** The doubled API server on a machine of the lab. */
export interface LabApi {
  address: string
  port: number
  /** PEM. */
  ca: string
  put(objects: readonly PutOrder[]): Promise<void>
  /** All requests since its start. */
  journal(): Promise<JournalEntry[]>
  /** Changes that many Events of a namespace; resolves to what each of the addresses was sent for it. */
  storm(what: { namespace: string; count: number; addresses: readonly string[] }): Promise<Record<string, SentBytes>>
  /** Watches all Events of the cluster from its own machine, as an agent must not. */
  watchAllEvents(token: string): void
}

/** Resolves when it listens. `users`: who may do what, by token. */
export async function startLabApi(machine: Machine, users: Readonly<Record<string, User>>): Promise<LabApi> {
  const { address } = machine
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', KEY]
  const names = ['-subj', '/CN=lab', '-addext', `subjectAltName=IP:${address}`]
  await machine.run('openssl', ['req', '-x509', '-days', '1', ...key, ...names, '-out', CERTIFICATE])
  const tls = { certificate: CERTIFICATE, key: KEY, ca: CERTIFICATE }
  const options: ApiServerOptions = { host: address, port: PORT, tls, users }
  const started = { file: 'api-process.ts', argument: options, name: 'the API server' }
  const { ask } = await startAsked<ApiOrder>(machine, started)
  return {
    address,
    port: PORT,
    ca: readFileSync(machine.outside(CERTIFICATE), 'utf8'),
    async put(objects) {
      await ask({ order: 'put', objects })
    },
    journal: async () => (await ask({ order: 'journal' })) as JournalEntry[],
    storm: async (what) => (await ask({ order: 'storm', ...what })) as Record<string, SentBytes>,
    watchAllEvents(token) {
      const url = `https://${address}:${PORT}/api/v1/events?watch=true`
      machine.start('curl', ['-sN', '--cacert', CERTIFICATE, '-H', `Authorization: Bearer ${token}`, url])
    },
  }
}
