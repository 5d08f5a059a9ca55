import { flag, listOf, named, oneOf, orNull, record, ref, text, texts } from './json-schema.ts'

export const sourcePosition = named(
  'SourcePosition',
  'A place in a text; lines and columns count from 1.',
  record({ file: text, line: { type: 'integer' }, column: { type: 'integer' } }),
)
export const position = orNull(ref('SourcePosition'))

export const pullMode = oneOf('local', 'transfer')

export const endpoint = named(
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

export const path = named(
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

export const registry = named(
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

export const explanation = named(
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
