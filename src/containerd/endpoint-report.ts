import type { DeclaredIn } from './pull-path.ts'

/** What an endpoint is to the registry: a Spegel target, the registry itself, or anything else. */
export type Role = 'peer' | 'origin' | 'mirror'

/** An endpoint as `explain --json` and the NodeReport show it. */
export interface EndpointReport {
  url: string
  declaredIn: DeclaredIn
  role: Role
  resolve: boolean
  fetch: boolean
  namespaceParam: boolean
  httpsFirst: boolean
  capabilities: string[]
  overridePath: boolean
  skipVerify: boolean | null
  dialTimeout: string | null
  ca: string[]
  client: boolean
  headerNames: string[]
}
