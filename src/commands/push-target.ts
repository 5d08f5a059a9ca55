import type { Config } from '../config/config.ts'
import { parseImageReference } from '../containerd/reference.ts'
import { declaredOrigin } from '../drift/declared-origin.ts'
import type { RegistryEndpoint } from '../registry/registry-client.ts'
import { readInputs } from '../watch/read-inputs.ts'
import type { Command, CommandContext } from './command.ts'
import { usage } from './parse-arguments.ts'

/** Where a REF of a command line is pushed to. */
export interface PushTarget {
  /** Its scheme is the REF's own, or --plain-http's, or the declared one, or https. */
  endpoint: Omit<RegistryEndpoint, 'credentials'>
  repository: string
  /** Neither REF nor anything that was declared says that it is https. */
  isAssumed: boolean
}

/**
 * Reads `[http[s]://]HOST[:PORT]/REPOSITORY`. Throws PP_USAGE and PP_REFERENCE_INVALID. What could not be read of what
 * was declared is said on standard error.
 */
export async function pushTargetOf(
  command: Command,
  ref: string,
  context: CommandContext,
  { config, plainHttp }: { config: Config; plainHttp: boolean },
): Promise<PushTarget> {
  const scheme = /^https?(?=:\/\/)/.exec(ref)?.[0] ?? null
  const rest = scheme === null ? ref : ref.slice(scheme.length + 3)
  // Not shown: before an @ there may be a password.
  if (rest.includes('@')) throw usage(command, 'REF has an @: it takes neither credentials nor a digest')
  if (/\/.*:[^/]*$/.test(rest)) throw usage(command, `REF ${ref} has a tag: leave it out, the canary has its own`)
  const { registry, repository } = parseImageReference(rest)
  if (!rest.startsWith(`${registry}/`)) {
    throw usage(command, `REF ${ref} must begin with its registry, such as 192.168.1.106/library/pullpath-canary`)
  }
  if (scheme === 'https' && plainHttp) throw usage(command, `REF ${ref} says https, --plain-http says otherwise`)
  const given = scheme ?? (plainHttp ? 'http' : null)
  const declared = given === null ? await declaredEndpoint(registry, config, context) : null
  const host = registry === 'docker.io' ? 'registry-1.docker.io' : registry
  const otherwise = { url: `${given ?? 'https'}://${host}/v2`, skipVerify: false }
  const { url, skipVerify } = declared ?? otherwise
  const tls = { ca: [], client: null, verify: skipVerify !== true }
  const isAssumed = given === null && (declared === null || declared.declaredIn === 'default')
  return { endpoint: { url, namespace: null, headers: {}, tls }, repository, isAssumed }
}

/** null: nothing is declared. */
async function declaredEndpoint(registry: string, config: Config, context: CommandContext) {
  const { talos, spegel } = config.intent
  if (talos.patches.length === 0 && spegel.from === 'none') return null
  const { intent, daemon, node } = await readInputs(config)
  for (const it of node.inputs.filter((it) => !it.up && it.input.startsWith('intent'))) {
    context.writeError(`pullpath: ${it.input}: ${it.message}\n`)
  }
  return declaredOrigin(registry, intent, daemon, node)
}
