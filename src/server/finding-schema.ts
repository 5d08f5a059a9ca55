import { listOf, named, oneOf, orNull, record, ref, text, texts } from './json-schema.ts'
import { position } from './path-schemas.ts'

export const finding = named(
  'Finding',
  'One conflict, drift or fault.',
  record({
    id: text,
    kind: oneOf('drift', 'conflict', 'fault'),
    reason: ref('Reason'),
    severity: oneOf('critical', 'warning', 'info'),
    level: oneOf('registry', 'node'),
    registry: { ...text, description: 'Empty for a finding of the node.' },
    summary: text,
    expected: texts,
    observed: texts,
    cause: record({
      actor: oneOf('talos', 'spegel', 'git', 'containerd', 'node', 'unknown'),
      text,
      confidence: oneOf('proven', 'likely', 'unknown'),
    }),
    evidence: listOf(record({ text, source: text, time: orNull(text) })),
    remedy: listOf(record({ command: text, why: text })),
    since: { ...text, description: 'ISO 8601.' },
    source: position,
  }),
)
