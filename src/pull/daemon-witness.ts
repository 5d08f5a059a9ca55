import type { Config } from '../config/config.ts'
import type { DaemonClient } from '../containerd/client/daemon-client.ts'
import type { WitnessComparison } from '../containerd/witness-comparison.ts'
import { PullpathError } from '../errors.ts'
import { isAtLeast } from '../version.ts'
import type { Inputs } from '../watch/inputs.ts'
import { witnessTag } from './canary-names.ts'
import { pauseOf } from './pause.ts'

/** For the fetch of a few KB; an endpoint that swallows packets costs 30 s a request. Milliseconds. */
const WITHIN = 20_000

/**
 * Has the daemon show what it asks by the tree that Talos and Spegel write. A tree that changes between the agent's
 * reading and the daemon's looks like a daemon that disagrees: only what differs twice, `again` milliseconds apart, does.
 * null: it cannot be had, from a containerd below 2.1 or one that does not answer.
 */
export async function witnessOf(
  client: DaemonClient,
  config: Config,
  inputs: () => Inputs,
  { again, signal }: { again: number; signal: AbortSignal },
): Promise<WitnessComparison | null> {
  if (!isAtLeast({ ...inputs().daemon.version, pre: '' }, '2.1.0')) return null
  const { takeWitness } = await import('../containerd/client/take-witness.ts')
  const take = () => {
    const { node, daemon, observed } = inputs()
    const image = `${config.canary.image}:${witnessTag(node.name, config.canary.tags)}`
    return takeWitness(client, { image, hostsDir: daemon.hostsDir, view: observed.view, deadline: WITHIN, signal })
  }
  try {
    const first = await take()
    if (first.agrees !== false) return first
    await pauseOf(again, signal)
    return signal.aborted ? null : await take()
  } catch (error) {
    if (error instanceof PullpathError) return null // the daemon's own input says what is wrong with it
    throw error
  }
}
