import type { Config } from '../config/config.ts'
import type { ResolveProof } from '../drift/resolve-proof.ts'
import { openDaemon } from '../watch/daemon-monitor.ts'
import type { Inputs } from '../watch/inputs.ts'
import { CRI_NAMESPACE } from './node-images.ts'
import { openOrigin, proofTarget } from './proof-target.ts'
import { proveResolve } from './resolve-prover.ts'

/** Has the daemon prove once what it resolves, for a command, until `signal` ends it. null: it does not answer, or no path leads to the canary. */
export async function proveOnce(
  config: Config,
  inputs: Inputs,
  socket: string,
  signal: AbortSignal,
): Promise<ResolveProof | null> {
  const target = inputs.failures.has('containerd') ? null : proofTarget(config, inputs)
  if (target === null) return null
  const { client } = await openDaemon(config.host.root, socket)
  try {
    const store = client.inNamespace(CRI_NAMESPACE)
    const origin = openOrigin(target)
    return await proveResolve(target, { cri: client.cri, store, origin, now: () => new Date(), signal })
  } finally {
    client.close()
  }
}
