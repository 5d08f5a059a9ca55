import fc from 'fast-check'
import type { ListenerPlan, Plan, PlannedAnswer, PlannedChallenge } from '../plan.ts'
import { keyOf, PORTS } from '../site.ts'
import { origin } from './urls.ts'

const STATUSES = [400, 401, 403, 405, 408, 410, 429, 500, 502, 503, 504, 304, 418] as const
const NOTHING: PlannedAnswer = { kind: 'status', status: 404 }
const HAS_NOTHING: ListenerPlan = { head: [NOTHING], manifests: [NOTHING], blobs: [NOTHING] }

const challenge: fc.Arbitrary<PlannedChallenge> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<PlannedChallenge>({ scheme: 'basic' }) },
  { weight: 1, arbitrary: fc.constant<PlannedChallenge>({ scheme: 'unheard-of' }) },
  {
    weight: 5,
    arbitrary: fc.record(
      {
        scheme: fc.constant('bearer' as const),
        realm: origin.map((it) => `${it}/token`),
        service: fc.constant('planned service'),
        error: fc.constantFrom('invalid_token', 'insufficient_scope'),
      },
      { requiredKeys: ['scheme', 'realm'] },
    ),
  },
)

const answer: fc.Arbitrary<PlannedAnswer> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<PlannedAnswer>({ kind: 'served' }) },
  { weight: 6, arbitrary: fc.constant(NOTHING) },
  { weight: 16, arbitrary: fc.constantFrom(...STATUSES).map((status): PlannedAnswer => ({ kind: 'status', status })) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<PlannedAnswer[]>(
      { kind: 'served', digest: false },
      { kind: 'served', length: false },
      { kind: 'served', digest: false, length: false },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.option(challenge).map((it): PlannedAnswer => ({ kind: 'refused', challenge: it })),
  },
  { weight: 4, arbitrary: challenge.map((it): PlannedAnswer => ({ kind: 'guarded', challenge: it })) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('redirect' as const),
      status: fc.constantFrom(301, 302, 303, 307, 308),
      to: origin,
    }),
  },
  { weight: 3, arbitrary: fc.constantFrom<PlannedAnswer[]>({ kind: 'reset' }, { kind: 'closed' }) },
)

const answers = fc.oneof(
  { weight: 6, arbitrary: answer.map((it) => [it]) },
  { weight: 1, arbitrary: fc.array(answer, { minLength: 2, maxLength: 3 }) },
)

/** A realm that works, or one that does not; 405 and 404 are what registries without OAuth's POST say. */
const tokens = fc.oneof(
  { weight: 4, arbitrary: fc.constant<PlannedAnswer[]>([{ kind: 'served' }]) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(400, 401, 403, 404, 405, 429, 500)
      .map((status): PlannedAnswer[] => [{ kind: 'status', status }, { kind: 'served' }]),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(401, 404, 503).map((status): PlannedAnswer[] => [{ kind: 'status', status }]),
  },
  { weight: 1, arbitrary: fc.constant<PlannedAnswer[]>([{ kind: 'reset' }]) },
)

const listenerPlan: fc.Arbitrary<ListenerPlan> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<ListenerPlan>({}) },
  { weight: 2, arbitrary: fc.constant(HAS_NOTHING) },
  {
    weight: 5,
    arbitrary: fc
      .tuple(answers, tokens)
      .map(([it, token]): ListenerPlan => ({ head: it, manifests: it, blobs: it, token })),
  },
  {
    weight: 5,
    arbitrary: fc.record({ head: answers, manifests: answers, blobs: answers, token: tokens }, { requiredKeys: [] }),
  },
)

const LISTENERS = Object.entries(PORTS).flatMap(([address, ports]) =>
  Object.keys(ports).map((port) => keyOf({ address, port: Number(port) })),
)

/** How every registry answers, where `asked` are the listeners that the case's own URLs lead to. */
export function planFor(asked: readonly string[]): fc.Arbitrary<Plan> {
  return (
    fc
      .record({
        otherwise: fc.oneof(
          { weight: 2, arbitrary: fc.constant<ListenerPlan>({}) },
          { weight: 2, arbitrary: fc.constant(HAS_NOTHING) },
          { weight: 1, arbitrary: listenerPlan },
        ),
        planned: fc.tuple(...asked.map((it) => fc.option(fc.tuple(fc.constant(it), listenerPlan)))),
        // Where redirects and challenges lead to.
        others: fc.dictionary(fc.constantFrom(...LISTENERS), listenerPlan, { maxKeys: 3, size: 'max' }),
        keepAlive: fc.boolean(),
      })
      .map(({ otherwise, planned, others, keepAlive }): Plan => {
        const own = Object.fromEntries(planned.filter((it) => it !== null))
        return { otherwise, listeners: { ...others, ...own }, keepAlive }
      })
      // On a connection that is used again, Go's client repeats a request that a reset cut off: that is not simulated.
      .map((it) => ({ ...it, keepAlive: it.keepAlive && !endsConnections(it) }))
  )
}

function endsConnections({ otherwise, listeners }: Plan): boolean {
  return [otherwise, ...Object.values(listeners)].some(({ head = [], manifests = [], blobs = [], token = [] }) =>
    [...head, ...manifests, ...blobs, ...token].some((it) => it.kind === 'reset' || it.kind === 'closed'),
  )
}
