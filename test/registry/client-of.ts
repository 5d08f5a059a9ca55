import type { LookupFunction } from 'node:net'
import type { Credentials } from '../../src/registry/credentials.ts'
import { openRegistryClient } from '../../src/registry/http-registry-client.ts'
import type { RegistryClient, RegistryEndpoint } from '../../src/registry/registry-client.ts'

interface EndpointOptions extends Partial<Pick<RegistryEndpoint, 'namespace' | 'headers'>> {
  ca?: readonly string[]
  credentials?: Credentials
  lookup?: LookupFunction
}

/** A client of what listens at `url`, without any of the things that an endpoint may have but those named. */
export function clientOf(
  { url }: { url: string },
  { namespace = null, headers = {}, ca = [], credentials, lookup }: EndpointOptions = {},
): RegistryClient {
  const tls = { ca, client: null, verify: true }
  return openRegistryClient({ url, namespace, headers, tls, credentials: credentials ?? null }, lookup ?? null)
}
