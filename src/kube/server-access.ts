import type { RequestOptions } from 'node:https'
// Not the index, which loads everything that the package has.
import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { codeOf } from './failure.ts'
import { KubeError } from './kube-api.ts'

/** What a request needs to be let in. */
export interface Access {
  /** Without a slash at its end: `https://10.96.0.1:443`. */
  server: string
  /** What client-node makes of its configuration: headers, CA, and so on. The agent is left out. */
  options: RequestOptions
  /** The value of the `Authorization` header, to be kept out of all that is told; null: none. */
  secret: string | null
}

/**
 * Where the API server is and how it lets this process in, by client-node's own configuration: it reads the token's file
 * again once a minute, as client-go does, and the CA's for every request.
 */
export class ServerAccess {
  #config: KubeConfig

  constructor(config: KubeConfig) {
    this.#config = config
  }

  /** The token that was read before is not used again: it was refused, and may have been replaced since. */
  forget(): void {
    const [cluster, user] = [this.#config.getCurrentCluster(), this.#config.getCurrentUser()]
    if (cluster === null || user === null) return
    // What client-node remembers of a token's file, a configuration of its own does not.
    this.#config = new KubeConfig()
    this.#config.loadFromClusterAndUser(cluster, user)
  }

  /** Throws KubeError. */
  async access(): Promise<Access> {
    try {
      const cluster = this.#config.getCurrentCluster()
      if (cluster === null) {
        throw new KubeError({ reason: 'unreachable', message: 'no API server is configured' })
      }
      const options: RequestOptions = {}
      await this.#config.applyToHTTPSOptions(options)
      // client-node's agent would keep the first CA that it saw for ever.
      delete options.agent
      const headers = { ...(options.headers as Record<string, string>) }
      // A file of a token that a person wrote ends with a newline, which no header may hold.
      const secret = headers.Authorization?.trim() ?? null
      if (secret !== null) headers.Authorization = secret
      return { server: cluster.server.replace(/\/+$/, ''), options: { ...options, headers }, secret }
    } catch (error) {
      if (error instanceof KubeError) throw error
      const path = error instanceof Error && 'path' in error ? ` ${String(error.path)}` : ''
      throw new KubeError({
        reason: 'unauthorized',
        message: `the service account cannot be read:${path} ${codeOf(error)}`,
      })
    }
  }
}

/**
 * The service account that Kubernetes mounts, and the API server that it names in this process' environment.
 * `root`: what stands before `/var/run/secrets`; empty in a pod.
 */
export function serviceAccount(root = ''): ServerAccess {
  const config = new KubeConfig()
  config.loadFromCluster(root)
  return new ServerAccess(config)
}
