import { meaningOfPullFailure } from '../containerd/pull-failure.ts'
import type { NodeFacts } from './facts.ts'
import { describePath, type FindingDraft } from './finding.ts'
import type { RatedPath } from './path-comparison.ts'
import { shellWord } from './remedy.ts'
import type { ResolveProof } from './resolve-proof.ts'

/** containerd's dial timeout (core/remotes/docker/config: hosts.go, net.Dialer), in seconds. */
const DIAL_SECONDS = 30

/** The origin serves what containerd cannot pull. `observed`: the path that containerd takes by its rules. */
export function resolveFailed(proof: ResolveProof, observed: RatedPath, node: NodeFacts): FindingDraft | null {
  if (proof.outcome !== 'failed') return null
  const { registry, reference, origin, words, unfinished, at, duration } = proof
  const seconds = duration === null ? '' : ` after ${duration.toFixed(1)} s`
  const meaning = unfinished
    ? `it was still at it${seconds}: an endpoint swallows what is sent to it, which costs ${DIAL_SECONDS} s for every request`
    : meaningOfPullFailure(words)
  return {
    kind: 'fault',
    reason: 'resolve-failed',
    registry,
    summary: `containerd cannot pull ${reference}, which ${origin.url} serves${meaning === '' ? '' : `: ${meaning}`}`,
    expected: [`${reference} is pulled`],
    observed: [words],
    cause: {
      actor: 'containerd',
      text: meaning === '' ? `containerd's own words: ${words}` : meaning,
      confidence: 'proven',
    },
    evidence: [
      { text: words, source: `containerd, asked to pull ${reference}`, time: at },
      { text: `${origin.url} answered this node that it has ${reference}`, source: origin.url, time: at },
      ...describePath(observed.endpoints).map((text) => ({ text, source: 'the pull path', time: null })),
    ],
    remedy: [
      {
        command: `curl -s 'http://${node.ip}:9478/api/v1/explain?image=${reference}'`,
        why: 'shows which endpoints containerd asks, in which order: one of them is in the way',
      },
      {
        command: `talosctl -n ${node.ip} logs cri | grep -E 'trying next host|failed to decode' | tail`,
        why: 'shows what containerd itself says of each endpoint that failed',
      },
      ...(observed.file === null
        ? []
        : [
            {
              command: `talosctl -n ${node.ip} read ${shellWord(observed.file)}`,
              why: 'shows the file that it reads on every pull',
            },
          ]),
    ],
  }
}
