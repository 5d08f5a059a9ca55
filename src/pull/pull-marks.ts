import { createHash } from 'node:crypto'
import type { PullPhase } from '../drift/pull.ts'
import type { Subject, SubjectObject } from './subject.ts'

/** What containerd did and when, in milliseconds since the epoch. What was not seen is not in it. */
export interface PullMarks {
  /** PullImage was called. */
  called: number
  /** By digest: containerd began to write it, and had all of it. */
  begun: ReadonlyMap<string, number>
  stored: ReadonlyMap<string, number>
  /** By chain id: its snapshot was prepared, and committed. */
  prepared: ReadonlyMap<string, number>
  committed: ReadonlyMap<string, number>
}

/** A layer's digest after decompression, which containerd notes on its content (pkg/labels: LabelUncompressed). */
export const UNCOMPRESSED = 'containerd.io/uncompressed'

/**
 * The phases of a pull that containerd made: each is the interval between two marks. Where a mark that begins one was
 * not seen, because all was over between two looks, the phase begins with the mark that must have come before it; the
 * first object is then a part of `resolve`.
 */
export function phasesOf(
  { objects }: Pick<Subject, 'objects'>,
  marks: PullMarks,
  diffIds: ReadonlyMap<string, string>,
): PullPhase[] {
  const phases: PullPhase[] = []
  const add = (name: string, digest: string | null, from: number, to: number | undefined, bytes = 0) => {
    if (to === undefined) return
    const start = Math.max(0, from - marks.called) / 1000
    const duration = Math.max(0, (to - marks.called) / 1000 - start)
    phases.push({ name, digest, endpoint: null, start, duration, bytes })
  }
  let before = marks.called
  const fetched = objects.filter((it) => marks.stored.has(it.digest))
  const [first] = fetched
  if (first !== undefined) {
    const end = marks.begun.get(first.digest) ?? marks.stored.get(first.digest)
    add('resolve', null, marks.called, end)
    before = end ?? before
  }
  for (const { digest, kind, size } of fetched) {
    const stored = marks.stored.get(digest)
    // Without its beginning the first one cannot be told from the resolve before it.
    if (digest !== first?.digest || marks.begun.has(digest)) {
      add(kind, digest, marks.begun.get(digest) ?? before, stored, size)
    }
    // Layers come at the same time; the others one after another.
    if (kind !== 'layer') before = stored ?? before
  }
  for (const { digest, chainId } of chainIdsOf(objects, diffIds)) {
    const prepared = marks.prepared.get(chainId)
    // A snapshot may be prepared while its layer is still on its way.
    if (prepared !== undefined) {
      add('unpack', digest, Math.max(prepared, marks.stored.get(digest) ?? prepared), marks.committed.get(chainId))
    }
  }
  return phases
}

/** Of the layer that is unpacked into a snapshot: `extract-<id> <chain id>`. null: it is of something else, like a container. */
export function chainIdIn(snapshotKey: string): string | null {
  return /^extract-\S+ (\S+)$/.exec(snapshotKey)?.[1] ?? null
}

/** OCI image specification, "Layer ChainID". Ends with the first layer whose diff id is not known. */
export function chainIdsOf(
  objects: readonly SubjectObject[],
  diffIds: ReadonlyMap<string, string>,
): { digest: string; chainId: string }[] {
  const chain: { digest: string; chainId: string }[] = []
  for (const { digest } of objects.filter((it) => it.kind === 'layer')) {
    const diffId = diffIds.get(digest)
    if (diffId === undefined) break
    const parent = chain.at(-1)?.chainId
    chain.push({ digest, chainId: parent === undefined ? diffId : sha256(`${parent} ${diffId}`) })
  }
  return chain
}

function sha256(text: string): string {
  return `sha256:${createHash('sha256').update(text).digest('hex')}`
}
