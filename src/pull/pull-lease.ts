import { randomUUID } from 'node:crypto'
import type { NamespaceClient } from '../containerd/client/daemon-client.ts'
import { PullpathError } from '../errors.ts'
import { pauseOf } from './pause.ts'

/** With this the id of every lease begins that Pullpath takes: what it keeps is no pull of anybody else. */
export const OWN_LEASE = 'pullpath-'
/** containerd collects what an expired lease keeps (core/leases: `containerd.io/gc.expire`). */
const EXPIRES = 'containerd.io/gc.expire'
/** Beyond the deadline: by then it is certain that nobody deletes the lease any more. Milliseconds. */
const EXTRA = 600_000
/** How long a daemon that is just being started again is waited for, in order to leave nothing in it. */
const REMOVAL = { within: 30_000, pause: 500 }

/**
 * Makes a pull under a lease of its own: whatever comes of it, no ingest that was broken off and no lease is left, and
 * content only if an image refers to it. containerd's own lease of a pull that was cancelled lasts a day.
 * `deadline`: the pull's, in milliseconds. `signal`: a daemon that is away is not waited for any more. Rejects where the lease cannot be made, and as the pull does.
 */
export async function underLease<T>(
  store: NamespaceClient,
  deadline: number,
  pull: (lease: string) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const lease = `${OWN_LEASE}${randomUUID()}`
  await store.createLease(lease, new Map([[EXPIRES, new Date(Date.now() + deadline + EXTRA).toISOString()]]))
  try {
    return await pull(lease)
  } finally {
    await remove(store, lease, signal)
  }
}

async function remove(store: NamespaceClient, lease: string, signal: AbortSignal | undefined): Promise<void> {
  const end = performance.now() + REMOVAL.within
  for (;;) {
    try {
      await store.deleteLease(lease)
      return
    } catch (error) {
      // It may just be starting again. What cannot be removed now expires by itself.
      if (!(error instanceof PullpathError)) throw error
      if (performance.now() > end || signal?.aborted === true) return
      await pauseOf(REMOVAL.pause, signal)
    }
  }
}
