import type { ResolveProof } from '../drift/resolve-proof.ts'

/** What containerd itself could pull, a line for each registry. */
export function proofLines(proofs: readonly ResolveProof[]): string[] {
  return proofs.map((proof) => `${textOf(proof)} (${proof.at})`)
}

function textOf({ outcome, registry, reference, duration, words, origin }: ResolveProof): string {
  const seconds = `${(duration ?? 0).toFixed(3)} s`
  switch (outcome) {
    case 'resolved':
      return `containerd pulled ${reference} in ${seconds}`
    case 'failed':
      return `containerd could not pull ${reference} in ${seconds}, which ${origin.url} has: ${words}`
    case 'origin-down':
      return `neither containerd nor this agent gets ${reference}, so the origin is to blame: ${origin.words}; containerd: ${words}`
    case 'no-canary':
      return `nothing can be proven for ${registry}: ${origin.words}. The tag belongs to the canary (canary.image)`
    case 'unasked':
      return `containerd could not be asked for ${reference}: ${words}`
  }
}
