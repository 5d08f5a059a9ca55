import type { SpegelDaemonSet } from '../drift/cluster-facts.ts'
import type { AffinityTerm, Placement, Requirement } from '../drift/placement.ts'
import type { Version } from '../version.ts'
import type { KubeObject } from './kube-api.ts'
import { fieldAt, listAt, numberAt, textAt, textsAt } from './kube-fields.ts'
import type { IntentReading, SpegelIntentReader } from './spegel-intent-reader.ts'
import { type ObjectPlace, releaseOf } from './spegel-place.ts'

/** What Spegel's DaemonSet says. */
export interface DaemonSetReading extends IntentReading {
  facts: SpegelDaemonSet
  release: ObjectPlace | null
  /** Labels by which its pods are found. */
  matchLabels: Readonly<Record<string, string>>
}

export function readDaemonSet(
  object: KubeObject,
  place: ObjectPlace,
  reader: SpegelIntentReader,
  version: Version | null,
): DaemonSetReading {
  const { namespace, name } = place
  // Items of a list say no kind, and only this is read.
  const metadata = { name, namespace, labels: textsAt(object, 'metadata', 'labels') }
  const read = { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata, spec: fieldAt(object, 'spec') }
  const { intent, problem } = reader.read([{ name: `daemonset ${namespace}/${name}`, object: read }], version)
  const matchLabels = textsAt(object, 'spec', 'selector', 'matchLabels')
  const chart = textAt(object, 'metadata', 'labels', 'helm.sh/chart')
  return {
    facts: {
      ...place,
      desired: numberAt(object, 'status', 'desiredNumberScheduled'),
      ready: numberAt(object, 'status', 'numberReady'),
      templateGeneration: textAt(object, 'metadata', 'annotations', 'deprecated.daemonset.template.generation'),
      // A label has no plus sign; a chart from a checkout has no version.
      chartVersion: chart === null ? null : chart.replace(/^.*?-(?=v?\d)/, '').replace('_', '+'),
      selector: selectorText(matchLabels),
      placement: placementOf(fieldAt(object, 'spec', 'template', 'spec')),
      spegel: intent?.spegel ?? null,
    },
    intent,
    problem,
    release: releaseOf(object),
    matchLabels,
  }
}

/** `app.kubernetes.io/name=spegel,...`, as the API and kubectl take it. */
export function selectorText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
}

function placementOf(pod: unknown): Placement {
  const required = fieldAt(pod, 'affinity', 'nodeAffinity', 'requiredDuringSchedulingIgnoredDuringExecution')
  return {
    nodeSelector: textsAt(pod, 'nodeSelector'),
    affinity:
      required === undefined || required === null
        ? null
        : listAt(required, 'nodeSelectorTerms').map(
            (term): AffinityTerm => ({
              labels: listAt(term, 'matchExpressions').map(requirementOf),
              fields: listAt(term, 'matchFields').map(requirementOf),
            }),
          ),
    tolerations: listAt(pod, 'tolerations').map((it) => ({
      key: textAt(it, 'key') ?? '',
      operator: textAt(it, 'operator') ?? 'Equal',
      value: textAt(it, 'value') ?? '',
      effect: textAt(it, 'effect') ?? '',
    })),
  }
}

function requirementOf(it: unknown): Requirement {
  const values = listAt(it, 'values').filter((value) => typeof value === 'string')
  return { key: textAt(it, 'key') ?? '', operator: textAt(it, 'operator') ?? '', values }
}
