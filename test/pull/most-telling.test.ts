import fc from 'fast-check'
import t from 'tap'
import { mostTelling, type Refusal } from '../../src/pull/most-telling.ts'
import { REGISTRY_REASONS, type RegistryReason } from '../../src/registry/registry-error.ts'

type Given = Refusal<{ reason: RegistryReason; id: number }>

const reasons = fc.constantFrom(...(Object.keys(REGISTRY_REASONS) as RegistryReason[]), 'not-found' as const)
const refusals = fc
  .array(fc.tuple(fc.constantFrom('peer' as const, 'origin' as const, 'mirror' as const), fc.boolean(), reasons))
  .map((all) =>
    all.map(([role, isAside, reason], id): Given => ({ endpoint: { role, isAside }, error: { reason, id } })),
  )

/** The documented order, each as a question. */
const ORDER: readonly ((it: Given) => boolean)[] = [
  ({ endpoint, error }) => !endpoint.isAside && endpoint.role !== 'peer' && error.reason !== 'not-found',
  ({ endpoint }) => !endpoint.isAside && endpoint.role !== 'peer',
  ({ endpoint, error }) => !endpoint.isAside && error.reason !== 'not-found',
  ({ endpoint }) => !endpoint.isAside,
  () => true,
]

t.test('the first of the most telling kind that there is', async (t) => {
  fc.assert(
    fc.property(refusals, (all) => {
      const expected = ORDER.map((isOf) => all.find(isOf)).find((it) => it !== undefined)
      return mostTelling(all) === (expected?.error ?? null)
    }),
  )
  t.equal(mostTelling([]), null)
})
