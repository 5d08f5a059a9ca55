import { PullpathError } from '../../errors.ts'
import type { FileView } from '../../hosts/file-view.ts'
import { THIS_ARCHITECTURE } from '../../this-architecture.ts'
import { isAtLeast, parseVersion } from '../../version.ts'
import { compareWitness } from '../compare-witness.ts'
import { pullPathOf } from '../pull-path-of.ts'
import { parseImageReference } from '../reference.ts'
import type { WitnessComparison } from '../witness-comparison.ts'
import type { DaemonClient } from './daemon-client.ts'
import { protocolError } from './daemon-error.ts'

/** Pullpath's own in containerd: nothing outside of it is ever touched. */
export const WITNESS_NAMESPACE = 'pullpath-witness'

/** What containerd is asked to prove. */
export interface WitnessOrder {
  image: string
  /** One directory, as the daemon sees it. */
  hostsDir: string
  /** The same directory, as Pullpath sees it. */
  view: FileView
  /** Milliseconds. */
  deadline: number
  /** Ends it before that. */
  signal?: AbortSignal
}

/**
 * Lets containerd fetch the image by that directory, and compares what it asked with what is predicted for it: by the
 * rules of the transfer service, whatever CRI's own pull mode is.
 * Throws PP_REFERENCE_INVALID, PP_WITNESS_UNSUPPORTED for a containerd below 2.1, and the client's errors.
 */
export async function takeWitness(client: DaemonClient, order: WitnessOrder): Promise<WitnessComparison> {
  const { image, hostsDir, view, ...limits } = order
  const reference = parseImageReference(image)
  const { version: text } = await client.version()
  const version = parseVersion(text)
  if (version === null) throw protocolError('Version', 'containerd', `${JSON.stringify(text)} is no version`)
  if (!isAtLeast({ ...version, pre: '' }, '2.1.0')) {
    throw new PullpathError('PP_WITNESS_UNSUPPORTED', `containerd ${text} cannot say what it asks`, {
      advice: 'the witness needs containerd 2.1 or later',
    })
  }
  const profile = { version, pullMode: 'transfer', configPath: hostsDir, legacyMirrors: new Map() } as const
  const path = pullPathOf(reference.registry, profile, view)
  const at = new Date().toISOString()
  const platform = { os: 'linux', architecture: THIS_ARCHITECTURE }
  const task = { reference: reference.image, hostsDir, platform, ...limits }
  const witness = await client.inNamespace(WITNESS_NAMESPACE).witness(task)
  return compareWitness(witness, { path, reference, version, hostsDir, at })
}
