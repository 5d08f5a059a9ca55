import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ApiServer } from './api-server.ts'

/** A service account as it is mounted into a pod, below a directory of its own. */
export interface ServiceAccount {
  /** What stands before `/var/run/secrets`. */
  root: string
  /** KUBERNETES_SERVICE_HOST and _PORT. */
  env: Record<string, string>
  /** The kubelet's rotation: the file holds another token from now on. */
  rotate(token: string): void
  remove(): void
}

/** A pod of `namespace` whose token is `token`. */
export function serviceAccountOf(server: ApiServer, token: string, namespace = 'kube-system'): ServiceAccount {
  const root = mkdtempSync(join(tmpdir(), 'pullpath-kube-'))
  const directory = join(root, 'var/run/secrets/kubernetes.io/serviceaccount')
  mkdirSync(directory, { recursive: true })
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text)
  write('token', token)
  write('namespace', namespace)
  write('ca.crt', server.ca ?? '')
  return {
    root,
    env: { KUBERNETES_SERVICE_HOST: server.host, KUBERNETES_SERVICE_PORT: `${server.port}` },
    rotate: (next) => write('token', next),
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}
