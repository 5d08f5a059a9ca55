import { PROBE_PHASES, PROBE_STEPS } from '../drift/probes.ts'
import { REASONS, type Reason } from '../drift/reasons.ts'
import { VERIFICATION_STEPS } from '../drift/verification.ts'

/** A JSON Schema; `$id` where other schemas refer to it by name. */
export type JsonSchema = Readonly<Record<string, unknown>>

const text: JsonSchema = { type: 'string' }
const flag: JsonSchema = { type: 'boolean' }
const texts = listOf(text)
const pullMode = oneOf('local', 'transfer')

function oneOf(...values: readonly string[]): JsonSchema {
  return { type: 'string', enum: values }
}

function listOf(items: JsonSchema): JsonSchema {
  return { type: 'array', items }
}

function ref(id: string): JsonSchema {
  return { $ref: `${id}#` }
}

function orNull(schema: JsonSchema): JsonSchema {
  if (typeof schema.type === 'string' && schema.enum === undefined) return { ...schema, type: [schema.type, 'null'] }
  return { anyOf: [schema, { type: 'null' }] }
}

/** An object with exactly these properties. */
function record(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  return { type: 'object', additionalProperties: false, required: Object.keys(properties), properties }
}

function named(id: string, description: string, schema: JsonSchema): JsonSchema {
  return { $id: id, description, ...schema }
}

const sourcePosition = named(
  'SourcePosition',
  'A place in a text; lines and columns count from 1.',
  record({ file: text, line: { type: 'integer' }, column: { type: 'integer' } }),
)
const position = orNull(ref('SourcePosition'))

const finding = named(
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

const endpoint = named(
  'Endpoint',
  'A URL that containerd sends requests to.',
  record({
    url: text,
    declaredIn: oneOf('hosts.toml', 'server', 'default', 'mirrors'),
    role: oneOf('peer', 'origin', 'mirror'),
    resolve: flag,
    fetch: flag,
    namespaceParam: flag,
    httpsFirst: flag,
    capabilities: texts,
    overridePath: flag,
    skipVerify: orNull(flag),
    dialTimeout: orNull(text),
    ca: texts,
    client: flag,
    headerNames: texts,
  }),
)

const path = named(
  'PullPath',
  "One tree's answer for a registry: the file that decides and the path that results.",
  record({
    directory: orNull(text),
    file: orNull(
      record({
        path: text,
        writer: oneOf('talos', 'spegel', 'unknown'),
        content: { ...orNull(text), description: 'Secrets are shown as ***. null: not read.' },
        modifiedAt: orNull(text),
        used: flag,
      }),
    ),
    endpoints: listOf(ref('Endpoint')),
    notes: listOf(record({ code: text, message: text, source: position })),
    error: orNull(record({ code: text, message: text, source: position })),
  }),
)

const registry = named(
  'Registry',
  'What happens for one registry on this node.',
  record({
    registry: text,
    declaredBy: listOf(oneOf('talos', 'spegel')),
    effective: orNull(flag),
    inSync: orNull(flag),
    intent: record({
      talos: orNull(
        record({
          endpoints: listOf(record({ url: text, overridePath: flag })),
          skipFallback: flag,
          source: position,
        }),
      ),
      spegel: orNull(record({ url: text, targets: texts, source: position })),
    }),
    expected: orNull(ref('PullPath')),
    observed: orNull(ref('PullPath')),
    findings: { ...texts, description: "Ids of this registry's findings." },
  }),
)

const seconds: JsonSchema = { type: 'number', description: 'Seconds.' }
const probeTime = {
  at: { ...text, description: 'ISO 8601.' },
  validUntil: { ...text, description: 'ISO 8601: until when the answer counts.' },
}
const probeStep = oneOf(...PROBE_STEPS)

const endpointProbe = named(
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

const harborHealth = record({
  url: text,
  ...probeTime,
  duration: seconds,
  components: listOf(record({ name: text, healthy: flag, words: text })),
  words: { ...text, description: 'Why nothing is known of it; empty: it has answered.' },
})

const spegelHealth = record({
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

const nodeReport = named('NodeReport', 'Everything that is known about this node.', record(reported))

const checkReport = named(
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

const witness = named(
  'Witness',
  "What containerd's transfer service asked by one hosts directory, beside what was predicted.",
  record({
    reference: text,
    registry: text,
    hostsDir: text,
    file: orNull(text),
    containerd: text,
    at: { ...text, description: 'ISO 8601.' },
    requests: listOf(
      record({
        object: { ...text, description: 'Tag or digest.' },
        predicted: orNull(text),
        witnessed: { ...orNull(text), description: 'Without a scheme, which containerd does not tell.' },
        verdict: oneOf('same', 'missing', 'unexpected', 'order', 'aside', 'unjudged'),
        status: orNull({ type: 'integer' }),
        milliseconds: orNull({ type: 'number' }),
      }),
    ),
    agrees: { ...orNull(flag), description: 'null: nothing differs, but not everything could be judged.' },
    unjudged: texts,
    cutShort: orNull(text),
    error: orNull(text),
  }),
)

const explanation = named(
  'Explanation',
  'What containerd on this node does for one image.',
  record({
    image: text,
    registry: text,
    containerd: record({ version: text, pullMode }),
    directory: orNull(text),
    endpoints: listOf(ref('Endpoint')),
    resolveRequests: { ...texts, description: 'What is sent when every endpoint answers 404, in order.' },
    fetchRequests: texts,
    notes: listOf(record({ code: text, message: text })),
    error: orNull(record({ code: text, message: text })),
    witness: orNull(ref('Witness')),
  }),
)

const pull = named(
  'Pull',
  'One pull that was measured, whether it succeeded or not.',
  record({
    id: text,
    image: text,
    registry: text,
    method: oneOf('probe', 'containerd', 'observed'),
    via: { enum: ['origin', 'peer', 'path', 'containerd', null] },
    source: oneOf('first', 'peer', 'fallback', 'mixed', 'local', 'unknown'),
    startedAt: { ...text, description: 'ISO 8601.' },
    duration: { type: 'number', description: 'Seconds.' },
    bytes: { type: 'integer', description: 'Of content that came over the network, manifests included.' },
    phases: listOf(
      record({
        name: text,
        digest: orNull(text),
        endpoint: {
          ...orNull(text),
          description: 'Origin of the URL that was asked; null where it is not seen, as where containerd asks.',
        },
        start: { type: 'number', description: 'Seconds since the pull started.' },
        duration: { type: 'number', description: 'Seconds.' },
        bytes: { type: 'integer', description: 'Of content that came in it; what an error answers is none.' },
      }),
    ),
    evidence: listOf(record({ text, source: text })),
    failure: orNull(record({ reason: text, message: text })),
  }),
)

const started = named('StartedPull', 'A measurement that was started, and is not over.', record({ id: text }))

const reason = named('Reason', 'The closed list of reasons.', oneOf(...(Object.keys(REASONS) as Reason[])))
const error = named('Error', 'What went wrong, and what to do.', record({ code: text, message: text, advice: text }))

/** The shapes of everything that is served, each with an `$id`; what is referred to stands before what refers to it. */
export const SCHEMAS: readonly JsonSchema[] = [
  error,
  reason,
  sourcePosition,
  finding,
  endpoint,
  path,
  registry,
  endpointProbe,
  nodeReport,
  checkReport,
  witness,
  explanation,
  pull,
  started,
]
