import type { WitnessComparison } from '../containerd/witness-comparison.ts'
import type { NodeReport } from '../drift/report.ts'
import type { ResolveProof } from '../drift/resolve-proof.ts'
import { repositoryUrl } from './repository-url.ts'

/** What containerd itself could pull and was seen to ask, a line for each. */
export function proofLines({ proofs, witnesses }: Pick<NodeReport, 'proofs' | 'witnesses'>): string[] {
  return [
    ...proofs.map((proof) => `${textOf(proof)} (${proof.at})`),
    ...witnesses.map((witness) => `${witnessText(witness)} (${witness.at})`),
  ]
}

function witnessText({ agrees, reference, unjudged }: WitnessComparison): string {
  if (agrees === true) return `containerd asked for ${reference} as predicted`
  if (agrees === false) return `containerd asked for ${reference} otherwise than predicted`
  return `whether containerd asked for ${reference} as predicted cannot be told: ${unjudged.join('; ')}`
}

function textOf({ outcome, registry, reference, tags, duration, words, origin }: ResolveProof): string {
  const repository = reference.slice(registry.length + 1, reference.lastIndexOf(':'))
  const seconds = `${(duration ?? 0).toFixed(3)} s`
  switch (outcome) {
    case 'resolved':
      return `containerd pulled ${reference} in ${seconds}`
    case 'failed':
      return `containerd could not pull ${reference} in ${seconds}, which ${origin.url} has: ${words}`
    case 'origin-down':
      return `neither containerd nor this agent gets ${reference}, so the origin is to blame: ${origin.words}; containerd: ${words}`
    case 'no-canary':
      return `nothing can be proven for ${registry}: ${origin.words}. The tag belongs to the canary (canary.image, canary.tags), which this pushes: pullpath canary push ${repositoryUrl(origin.url, repository)} --tags ${tags}`
    case 'unasked':
      return `containerd could not be asked for ${reference}: ${words}`
  }
}
