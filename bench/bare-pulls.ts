/**
 * Bare calls of CRI as a process of its own, which does nothing else meanwhile: what a pull takes where nobody looks.
 * Its argument is containerd's socket. Answers each BareOrder over Node's channel, and ends with it.
 */
import { connectCri } from '../test/daemon/cri-pull.ts'

export interface BareOrder {
  call: 'pull' | 'remove'
  image: string
}

/** How long the call took, in milliseconds; or how it failed. */
export type BareReply = { took: number } | { failure: string }

const cri = connectCri(process.argv[2] ?? '')

async function obey({ call, image }: BareOrder): Promise<BareReply> {
  const start = performance.now()
  const { code, message } = await (call === 'pull' ? cri.pull(image, false) : cri.remove(image))
  const took = performance.now() - start
  return code === 0 ? { took } : { failure: `${call} of ${image}: containerd answered ${code}: ${message}` }
}

process.on('message', async (order: BareOrder) => process.send?.(await obey(order)))
process.on('disconnect', () => process.exit())
