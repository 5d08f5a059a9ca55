import type { Config } from '../config/config.ts'
import type { Inputs } from '../watch/inputs.ts'
import type { CommandContext } from './command.ts'
import { withProgress } from './progress.ts'

/**
 * Asks everything on this node that the verification needs, and puts the answers to what was read. null: it was
 * interrupted, and what is known is not all.
 */
export async function probeNode(context: CommandContext, config: Config, inputs: Inputs): Promise<Inputs | null> {
  // Loaded here, so that the other ways to use the command need not wait for clients that they never open.
  const [{ probeOnce }, { proveOnce }] = await Promise.all([
    import('../pull/node-probes.ts'),
    import('../pull/prove-once.ts'),
  ])
  let what = 'the endpoints'
  const onTurn = (next: string) => {
    what = next
  }
  const asking = probeOnce(config, inputs, { signal: context.signal, onTurn })
  const probes = await withProgress(context, () => `asks ${what}:`, asking)
  const { socket } = config.containerd
  const isProven = socket !== null && !context.signal.aborted
  const proving = isProven ? proveOnce(config, inputs, socket, context.signal) : null
  const proof = proving === null ? null : await withProgress(context, () => 'containerd pulls the canary:', proving)
  if (context.signal.aborted) return null
  const now = new Date().toISOString()
  return { ...inputs, node: { ...inputs.node, now, probes, proofs: proof === null ? [] : [proof] } }
}
