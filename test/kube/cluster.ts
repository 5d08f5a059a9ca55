import type { Test } from 'tap'
import { ApiExchange } from '../../src/kube/api-exchange.ts'
import { ClientNodeApi } from '../../src/kube/client-node-api.ts'
import { type KubeClock, systemClock } from '../../src/kube/clock.ts'
import type { FollowedObjects, KubeApi, KubeQuery } from '../../src/kube/kube-api.ts'
import { serviceAccount } from '../../src/kube/server-access.ts'
import { ApiServer } from './api-server.ts'
import { EVERYTHING, type Rule } from './rbac.ts'
import { type ServiceAccount, serviceAccountOf } from './service-account.ts'

export const USER = 'system:serviceaccount:kube-system:pullpath'

/** An API server over TLS and a pod that asks it with client-node's own code. */
export interface TestCluster {
  server: ApiServer
  account: ServiceAccount
  api: KubeApi
}

export async function startCluster(
  t: Test,
  { clock = systemClock, rules = EVERYTHING }: { clock?: KubeClock; rules?: readonly Rule[] } = {},
): Promise<TestCluster> {
  const server = await ApiServer.start({ users: { 'token-1': { name: USER, rules } } })
  const account = serviceAccountOf(server, 'token-1')
  // client-node reads them from the process itself.
  Object.assign(process.env, account.env)
  t.teardown(async () => {
    await server.stop()
    account.remove()
    for (const name of Object.keys(account.env)) delete process.env[name]
  })
  const exchange = new ApiExchange(serviceAccount(account.root), clock, 'pullpath/test')
  return { server, account, api: new ClientNodeApi(exchange, clock) }
}

/** What a follow tells, to be waited for. */
export class Heard {
  readonly states: FollowedObjects[] = []
  #waiting: (() => void)[] = []

  get last(): FollowedObjects | undefined {
    return this.states.at(-1)
  }

  names(): string[] {
    const names = [...(this.last?.objects?.values() ?? [])].map((it) =>
      String(Reflect.get(it.metadata as object, 'name')),
    )
    return names.sort()
  }

  follow(t: Test, api: KubeApi, path: string, selector: KubeQuery = {}): this {
    const followed = api.follow(path, selector, (state) => {
      this.states.push(state)
      for (const resolve of this.#waiting.splice(0)) resolve()
    })
    t.teardown(() => followed.stop())
    return this
  }

  async until(holds: (state: FollowedObjects) => boolean): Promise<FollowedObjects> {
    for (;;) {
      const { last } = this
      if (last !== undefined && holds(last)) return last
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }
}
