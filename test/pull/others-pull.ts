import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import type { MemoryDaemon } from '../containerd/client/memory-daemon.ts'

export interface OthersPull {
  /** The id of the lease; default: one of containerd's own. */
  lease?: string
  /** Whether the lease stays for the test to delete: what is looked at later sees it. */
  keepsLease?: boolean
  /** Nobody notes where an imported content is from. */
  isImport?: boolean
}

/** As containerd pulls for others: under a lease, with the source noted on what came, and what is there left alone. */
export async function pullByOthers(
  daemon: MemoryDaemon,
  reference: string,
  { lease = randomUUID(), keepsLease = false, isImport = false }: OthersPull,
): Promise<void> {
  const store = daemon.store('k8s.io')
  const [, registry = '', repository = ''] = /^([^/]+)\/(.+):/.exec(reference) ?? []
  const label = [`containerd.io/distribution.source.${registry}`, repository] as const
  await turn()
  store.leases.set(lease, { id: lease, createdAt: Date.now(), labels: new Map() })
  const before = new Map(store.content)
  const held = new Set<string>()
  store.held.set(lease, held)
  const emit = daemon.emit.bind(daemon)
  daemon.emit = (event) => {
    if (event.topic !== '/content/create') return emit(event)
    held.add(event.digest)
    const [old, content] = [before.get(event.digest), store.content.get(event.digest)]
    if (old !== undefined) store.content.set(event.digest, old)
    else if (content !== undefined) {
      store.content.set(event.digest, {
        ...content,
        labels: new Map([...content.labels, ...(isImport ? [] : [label])]),
      })
      emit(event)
    }
  }
  daemon.pull(reference)
  daemon.emit = emit
  await turn()
  if (!keepsLease) store.leases.delete(lease)
}
