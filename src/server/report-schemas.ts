import { VERIFICATION_STEPS } from '../drift/verification.ts'
import {
  flag,
  type JsonSchema,
  listOf,
  named,
  oneOf,
  orNull,
  record,
  ref,
  seconds,
  text,
  texts,
} from './json-schema.ts'
import { pullMode } from './path-schemas.ts'
import { harborHealth, spegelHealth } from './probe-schemas.ts'

const kubernetes = record({
  intent: {
    ...orNull(record({ source: text, knownUntil: orNull(text) })),
    description: "The object that Spegel's intent was read from; null: from files.",
  },
  daemonSet: orNull(
    record({ name: text, namespace: text, desired: orNull({ type: 'integer' }), ready: orNull({ type: 'integer' }) }),
  ),
  pods: listOf(
    record({
      name: text,
      phase: text,
      ready: flag,
      since: orNull(text),
      words: { ...text, description: 'Why it is not ready.' },
      wroteAt: { ...orNull(text), description: 'When its init container finished, which writes the hosts tree.' },
      restarts: { type: 'integer' },
    }),
  ),
  release: orNull(
    record({
      name: text,
      namespace: text,
      ready: orNull(flag),
      suspended: flag,
      revision: orNull(text),
      words: text,
    }),
  ),
  stale: {
    ...listOf(record({ what: text, knownUntil: orNull(text), words: text })),
    description: 'What is not followed at this moment: until when it is known, and why.',
  },
})

const reported: Readonly<Record<string, JsonSchema>> = {
  node: record({ name: text, ip: text }),
  evaluatedAt: text,
  containerd: record({
    version: text,
    pullMode,
    configPath: text,
    hostsDir: text,
    facts: listOf(
      record({
        name: oneOf('version', 'started', 'pull mode', 'config_path', 'discard_unpacked_layers'),
        value: text,
        origin: oneOf('daemon', 'file', 'configured', 'node', 'assumed'),
        source: { ...text, description: 'What was asked or read; empty where it is assumed.' },
        at: { ...text, description: 'ISO 8601; empty where it was not read anywhere.' },
      }),
    ),
    assumed: texts,
  }),
  spegel: orNull(record({ version: text, assumed: flag })),
  talos: orNull(record({ version: text })),
  inputs: listOf(
    record({
      input: oneOf('hosts', 'containerd', 'intent_talos', 'intent_spegel', 'kube', 'spegel'),
      up: flag,
      message: text,
    }),
  ),
  proofs: listOf(
    record({
      registry: text,
      reference: text,
      tags: { type: 'integer', description: 'How many tags of each class the canary has.' },
      at: { ...text, description: 'ISO 8601.' },
      outcome: oneOf('resolved', 'failed', 'origin-down', 'no-canary', 'unasked'),
      words: { ...text, description: "containerd's own; empty where it pulled." },
      unfinished: flag,
      duration: { type: ['number', 'null'], description: 'Seconds that containerd took.' },
      origin: record({ url: text, words: text }),
      layersKept: { type: ['boolean', 'null'] },
    }),
  ),
  witnesses: listOf(ref('Witness')),
  probes: record({
    endpoints: listOf(ref('EndpointProbe')),
    harbor: orNull(harborHealth),
    spegel: orNull(spegelHealth),
  }),
  kubernetes: { ...orNull(kubernetes), description: 'What Kubernetes says of Spegel here; null: it is not asked.' },
  registries: listOf(ref('Registry')),
  findings: listOf(ref('Finding')),
  notes: texts,
}

export const nodeReport = named('NodeReport', 'Everything that is known about this node.', record(reported))

export const checkReport = named(
  'CheckReport',
  'What `check --probe --json` prints: the report, and each step of the verification.',
  record({
    ...reported,
    steps: listOf(
      record({
        step: oneOf(...VERIFICATION_STEPS),
        subject: { ...text, description: 'A URL, a registry or an image.' },
        result: oneOf('passed', 'failed', 'skipped'),
        duration: { ...orNull(seconds), description: 'Seconds; null: nothing was waited for.' },
        text,
        remedy: listOf(record({ command: text, why: text })),
      }),
    ),
  }),
)
