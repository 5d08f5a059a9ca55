/**
 * Times resolve proofs and bare pulls of the same image in turn, as a process of its own within the network of the
 * daemon. Arguments: the daemon's socket, the image, where its origin is, how many of each. Started by measure-proofs.ts.
 */
import { openDaemonClient } from '../src/containerd/client/grpc-daemon-client.ts'
import { parseImageReference } from '../src/containerd/reference.ts'
import { openOrigin, type ProofTarget } from '../src/pull/proof-target.ts'
import { proveResolve } from '../src/pull/resolve-prover.ts'
import { connectCri } from '../test/daemon/cri-pull.ts'
import { percentile, timesRow, verdict } from './statistics.ts'

const WARM_UP = 5
const GOAL_MS = 30

const [, , socket = '', image = '', url = '', rounds = ''] = process.argv
const target: ProofTarget = {
  reference: parseImageReference(image),
  tags: 1,
  origin: { url, namespace: null },
  access: () => ({ headers: {}, tls: { ca: [], client: null, verify: true }, unread: [] }),
}
const client = openDaemonClient(socket)
const cri = connectCri(socket)
const proofs: number[] = []
const pulls: number[] = []
for (let round = -WARM_UP; round < Number(rounds); round++) {
  const proof = await timed(prove)
  const pull = await timed(pullAndRemove)
  if (round < 0) continue
  proofs.push(proof)
  pulls.push(pull)
}
cri.close()
client.close()

/** As the agent does: a registry client of its own each time. */
async function prove(): Promise<void> {
  const store = client.inNamespace('k8s.io')
  const origin = openOrigin(target)
  const { outcome, words } = await proveResolve(target, { cri: client.cri, store, origin, now: () => new Date() })
  if (outcome !== 'resolved') throw new Error(`the proof came to ${outcome}: ${words}`)
}

async function pullAndRemove(): Promise<void> {
  for (const call of [() => cri.pull(image, false), () => cri.remove(image)]) {
    const { code, message } = await call()
    if (code !== 0) throw new Error(`containerd answered ${code}: ${message}`)
  }
}

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

const added = percentile(proofs, 50) - percentile(pulls, 50)
console.log(timesRow('bare CRI pull and remove', pulls))
console.log(timesRow('resolve proof of the same image', proofs))
console.log(`ratio of the medians ${(percentile(proofs, 50) / percentile(pulls, 50)).toFixed(2)}`)
console.log(verdict(`a proof adds ${added.toFixed(1)} ms to the median, goal below ${GOAL_MS} ms`, added < GOAL_MS))
