import { createHash } from 'node:crypto'

/** The tag of the canary repository by which a node proves that containerd resolves: a few KB that no node keeps. */
export function proofTag(nodeName: string, tags: number): string {
  const place = createHash('sha256').update(nodeName).digest().readUInt32BE(0) % tags
  return `proof-${place}`
}
