import { listOf, named, oneOf, orNull, record, text } from './json-schema.ts'

export const pull = named(
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

export const started = named('StartedPull', 'A measurement that was started, and is not over.', record({ id: text }))
