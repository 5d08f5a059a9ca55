import { flag, listOf, named, oneOf, orNull, record, text, texts } from './json-schema.ts'

export const witness = named(
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
