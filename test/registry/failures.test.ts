import { inspect } from 'node:util'
import t from 'tap'
import { ERROR_CODES } from '../../src/errors.ts'
import { REGISTRY_REASONS, RegistryError } from '../../src/registry/registry-error.ts'
import { ACCESS_FAILURES } from './access-failures.ts'
import { ANSWER_FAILURES } from './answer-failures.ts'
import { clientOf } from './client-of.ts'
import type { FailureCase } from './failure-case.ts'
import { RegistryDouble } from './registry-double.ts'
import { endListeners, TRANSPORT_FAILURES } from './transport-failures.ts'

const CASES: readonly FailureCase[] = [...TRANSPORT_FAILURES, ...ANSWER_FAILURES, ...ACCESS_FAILURES]

for (const { name, reason, error: expected = {}, limits = {}, ...given } of CASES) {
  t.test(`${reason}: ${name}`, async (t) => {
    const double = await RegistryDouble.start(given.registry)
    t.teardown(async () => {
      endListeners()
      await double.stop()
    })
    double.images.putManifest('app', 'v1', { mediaType: 'application/json', bytes: Buffer.from('{}') })
    const blob = double.images.putBlob('app', Buffer.alloc(1000))
    for (const [start, fault] of Object.entries(given.faults ?? {})) {
      double.faults.set(start, typeof fault === 'function' ? fault(double) : fault)
    }
    const url = (await given.url?.(double)) ?? double.url
    const client = clientOf({ url }, given.client)
    const call = { ...given.call, limits }
    const act = given.act ?? (() => client.getManifest('app', 'v1', call))
    const error = await act(client, { double, blob }).then(
      () => null,
      (it: unknown) => it,
    )
    if (!(error instanceof RegistryError)) throw error ?? new Error('it went well')
    t.match(error, { reason, code: REGISTRY_REASONS[reason].code, ...expected })
    t.match(error.origin, /^https?:\/\/[^/?]+$/)
    const shown = inspect(error, { depth: 10, showHidden: true }) + error.toLine() + JSON.stringify(error)
    t.notMatch(shown, /SECRET|token-\d/, 'nothing secret is in it')
    await double.idle()
    if (url === double.url && given.registry?.tls === undefined) {
      double.faults.clear()
      await t.resolves(client.ping(), 'the next call finds everything in order')
    }
  })
}

t.test('every reason has a test, and every code of the family a reason', async (t) => {
  const tested = new Set(CASES.map((it) => it.reason))
  t.strictSame([...tested].sort(), Object.keys(REGISTRY_REASONS).sort())
  const codes = new Set(Object.values(REGISTRY_REASONS).map((it) => it.code))
  const family = Object.keys(ERROR_CODES).filter((it) => it.startsWith('PP_REGISTRY_'))
  t.strictSame([...codes].sort(), family.sort())
})
