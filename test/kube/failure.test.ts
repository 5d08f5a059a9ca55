import t from 'tap'
import { statusError, transportError } from '../../src/kube/failure.ts'
import type { KubeFailureReason } from '../../src/kube/kube-api.ts'

const coded = (code: string) => Object.assign(new Error('what it says could hold anything'), { code })

t.test('what it means that a request came to nothing', async (t) => {
  const cases: [unknown, KubeFailureReason][] = [
    [coded('ECONNREFUSED'), 'unreachable'],
    [coded('ECONNRESET'), 'unreachable'],
    [coded('ENOTFOUND'), 'unreachable'],
    [coded('ETIMEDOUT'), 'timeout'],
    [coded('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 'tls'],
    [coded('DEPTH_ZERO_SELF_SIGNED_CERT'), 'tls'],
    [coded('CERT_HAS_EXPIRED'), 'tls'],
    [coded('ERR_TLS_CERT_ALTNAME_INVALID'), 'tls'],
    [coded('EPROTO'), 'tls'],
    [coded('HPE_INVALID_CONSTANT'), 'malformed'],
    [new AggregateError([coded('ECONNREFUSED')]), 'unreachable'],
    ['no error at all', 'unreachable'],
  ]
  for (const [error, reason] of cases) {
    const { failure } = transportError('GET /x', error)
    t.equal(failure.reason, reason, String(error))
    t.notMatch(failure.message, /anything/)
  }
})

t.test('what it means that an answer is no success', async (t) => {
  const cases: [number, KubeFailureReason][] = [
    [302, 'malformed'],
    [400, 'refused'],
    [401, 'unauthorized'],
    [403, 'forbidden'],
    [404, 'not-found'],
    [409, 'conflict'],
    [410, 'gone'],
    [422, 'refused'],
    [429, 'throttled'],
    [500, 'server'],
    [504, 'server'],
  ]
  for (const [status, reason] of cases) t.equal(statusError('GET /x', status, null).failure.reason, reason)
})

t.test('a Status is quoted, on one line and not without end; anything else is not', async (t) => {
  const message = (body: unknown) => statusError('GET /x', 403, body).failure.message
  t.equal(message({ kind: 'Status', message: 'no\n  right' }), 'GET /x: 403, no right')
  t.equal(message({ kind: 'Status', message: 'a'.repeat(1e6) }).length, 'GET /x: 403, '.length + 400 + 3)
  for (const body of [null, 'text', [], { message: 'of a proxy' }, { kind: 'Status' }])
    t.equal(message(body), 'GET /x: 403')
})

t.test('only whole seconds are a time to come again', async (t) => {
  for (const [header, ms] of [
    ['7', 7000],
    ['0', 0],
    ['-1', null],
    ['1e9', null],
    ['9999999', null],
    ['Fri, 31 Dec 1999 23:59:59 GMT', null],
    [undefined, null],
  ] as const) {
    t.equal(statusError('GET /x', 429, null, header).retryAfter, ms)
  }
})
