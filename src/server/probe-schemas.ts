import { PROBE_PHASES, PROBE_STEPS } from '../drift/probes.ts'
import { flag, listOf, named, oneOf, orNull, record, ref, seconds, text, texts } from './json-schema.ts'

const probeTime = {
  at: { ...text, description: 'ISO 8601.' },
  validUntil: { ...text, description: 'ISO 8601: until when the answer counts.' },
}
const probeStep = oneOf(...PROBE_STEPS)

export const endpointProbe = named(
  'EndpointProbe',
  'What came of asking one endpoint as containerd asks it.',
  record({
    url: text,
    role: oneOf('peer', 'origin', 'mirror', 'face'),
    registries: texts,
    ...probeTime,
    phases: record(Object.fromEntries(PROBE_PHASES.map((it) => [it, orNull(seconds)]))),
    steps: listOf(
      record({ step: probeStep, result: oneOf('passed', 'failed', 'skipped'), duration: orNull(seconds), words: text }),
    ),
    failure: orNull(
      record({
        reason: ref('Reason'),
        step: probeStep,
        detail: text,
        words: text,
        status: { type: ['integer', 'null'] },
        phase: orNull(text),
        names: { ...orNull(text), description: 'Another origin: its token realm, or where it redirects to.' },
        since: text,
      }),
    ),
    failures: { type: 'integer', description: 'Probes in a row that failed; two make a finding.' },
  }),
)

export const harborHealth = record({
  url: text,
  ...probeTime,
  duration: seconds,
  components: listOf(record({ name: text, healthy: flag, words: text })),
  words: { ...text, description: 'Why nothing is known of it; empty: it has answered.' },
})

export const spegelHealth = record({
  url: text,
  ...probeTime,
  duration: seconds,
  ready: orNull(flag),
  lastReadyAt: orNull(text),
  failures: { type: 'integer' },
  words: text,
  registries: {
    ...orNull(
      listOf(
        record({
          registry: text,
          hits: { type: 'number' },
          misses: { type: 'number' },
          tags: orNull({ type: 'number' }),
          contents: orNull({ type: 'number' }),
        }),
      ),
    ),
    description: 'What its metrics tell of each registry; null: they are not read, or cannot be.',
  },
})
