import type { LookupFunction } from 'node:net'
import type { Credentials } from '../../src/registry/credentials.ts'
import type { Call, Limits, RegistryClient } from '../../src/registry/registry-client.ts'
import type { RegistryError, RegistryReason } from '../../src/registry/registry-error.ts'
import type { Fault, FaultOf } from './fault.ts'
import type { DoubleOptions, RegistryDouble } from './registry-double.ts'

/** What a registry does wrong, and what becomes of a call. */
export interface FailureCase {
  name: string
  reason: RegistryReason
  /** Further fields of the error. */
  error?: Partial<Pick<RegistryError, 'phase' | 'status' | 'detailName' | 'access' | 'causeReason'>> & {
    message?: RegExp
  }
  /** The double, which holds `app:v1`, a blob of 1,000 bytes and nothing else. */
  registry?: DoubleOptions
  /** By the beginning of `METHOD /path?query`; a function is told the double and how often it was asked before. */
  faults?: Readonly<Record<string, Fault | ((double: RegistryDouble) => FaultOf)>>
  client?: {
    credentials?: Credentials
    ca?: readonly string[]
    lookup?: LookupFunction
    headers?: Record<string, string>
  }
  /** The client's endpoint; none: the double's. */
  url?: (double: RegistryDouble) => string | Promise<string>
  /** None: the manifest `app:v1` is fetched. */
  act?: (client: RegistryClient, site: { double: RegistryDouble; blob: string }) => Promise<unknown>
  limits?: Partial<Limits>
  call?: Call
}

/** Long enough for a machine that is busy, and short enough to wait for. */
export const SOON = 60
