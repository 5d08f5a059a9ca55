import { Credentials } from '../../src/registry/credentials.ts'
import { type FailureCase, SOON } from './failure-case.ts'
import type { AuthPlan } from './registry-auth.ts'
import { LOOPBACK_TLS } from './transport-failures.ts'

const users = { owner: 'SECRET' }
const basic = { auth: { kind: 'basic' as const, users } }
const bearer = (more: Partial<AuthPlan & { kind: 'bearer' }> = {}) => ({
  auth: { kind: 'bearer' as const, users, anonymousPull: true, ...more },
})
const owner = { credentials: Credentials.password('owner', 'SECRET') }
const wrong = { credentials: Credentials.password('owner', 'another SECRET') }
const unused = 'http://127.0.0.1:1/token?key=SECRET'

/** What keeps somebody out, or a token from being had. */
export const ACCESS_FAILURES: readonly FailureCase[] = [
  {
    name: 'a password is asked for, and there is none',
    reason: 'unauthorized',
    error: { status: 401, access: 'none', detailName: 'UNAUTHORIZED' },
    registry: basic,
  },
  {
    name: 'a wrong password',
    reason: 'unauthorized',
    error: { status: 401, access: 'credentials', message: /with credentials/ },
    registry: basic,
    client: wrong,
  },
  {
    name: 'a project that is not public',
    reason: 'unauthorized',
    error: { status: 401, access: 'anonymous', message: /gives to anybody/ },
    registry: bearer({ anonymousPull: false }),
  },
  {
    name: 'a push by anybody',
    reason: 'unauthorized',
    error: { status: 401, access: 'anonymous' },
    registry: bearer(),
    act: (client) => client.pushManifest('app', 'v2', { mediaType: 'x/y', bytes: Buffer.from('{}') }),
  },
  {
    name: 'a 401 without a challenge',
    reason: 'unauthorized',
    error: { status: 401, access: 'none' },
    faults: { 'GET /v2/app': { kind: 'status', status: 401 } },
    client: owner,
  },
  {
    name: 'a challenge of another scheme',
    reason: 'unauthorized',
    error: { status: 401, access: 'none' },
    faults: { 'GET /v2/app': { kind: 'status', status: 401, headers: { 'www-authenticate': 'Negotiate' } } },
    client: owner,
  },
  {
    name: 'an identity token, where a password is asked for',
    reason: 'unauthorized',
    error: { status: 401, access: 'none' },
    registry: basic,
    client: { credentials: Credentials.identityToken('SECRET') },
  },
  {
    name: 'an answer of 403',
    reason: 'forbidden',
    error: { status: 403, access: 'none', detailName: 'DENIED' },
    faults: {
      'GET /v2/app': { kind: 'status', status: 403, body: '{"errors":[{"code":"DENIED","detail":"SECRET"}]}' },
    },
  },
  ...['', 'token', 'ftp://realm.test/token', 'https://'].map(
    (realm): FailureCase => ({
      name: `a realm that is ${JSON.stringify(realm)}`,
      reason: 'realm-invalid',
      error: { message: /no URL/ },
      registry: bearer({ realm }),
    }),
  ),
  {
    name: 'a realm of http at a registry of https',
    reason: 'realm-invalid',
    error: { message: /from https down to http:\/\/127\.0\.0\.1:1\)/ },
    registry: { ...bearer({ realm: unused }), tls: LOOPBACK_TLS },
    client: { ca: [LOOPBACK_TLS.cert] },
  },
  {
    name: 'a realm of another port, which the password is not for',
    reason: 'realm-foreign',
    error: { message: /http:\/\/127\.0\.0\.1:1\)/ },
    registry: bearer({ realm: unused }),
    client: owner,
  },
  {
    name: 'a realm of another host over https, which the password is not for',
    reason: 'realm-foreign',
    registry: bearer({ realm: 'https://realm.test/token' }),
    client: owner,
  },
  {
    name: 'a realm where nothing listens',
    reason: 'realm-unreachable',
    error: { causeReason: 'refused', phase: 'connect', message: /at http:\/\/127\.0\.0\.1:1: / },
    registry: bearer({ realm: unused }),
  },
  {
    name: 'a realm whose name cannot be resolved',
    reason: 'realm-unreachable',
    error: { causeReason: 'unresolved', phase: 'resolve' },
    registry: bearer({ realm: `http://${'x'.repeat(64)}/token` }),
  },
  {
    name: 'a realm that does not answer',
    reason: 'realm-unreachable',
    error: { causeReason: 'timeout', phase: 'processing' },
    registry: bearer(),
    faults: { 'GET /token': { kind: 'hang', after: 'request' } },
    limits: { processing: SOON },
  },
  {
    name: 'a realm of https where http is spoken',
    reason: 'realm-unreachable',
    error: { causeReason: 'tls-not-spoken', phase: 'tls' },
    faults: {
      'GET /v2/app': (double) => () => ({
        kind: 'status',
        status: 401,
        headers: { 'www-authenticate': `Bearer realm="${double.origin.replace('http:', 'https:')}/token"` },
      }),
    },
  },
  {
    name: 'a realm that redirects in a loop',
    reason: 'realm-unreachable',
    error: { causeReason: 'redirect-loop' },
    registry: bearer(),
    faults: { 'GET /token': () => () => ({ kind: 'status', status: 302, headers: { location: '/token' } }) },
  },
  {
    name: 'a wrong password at the realm',
    reason: 'token-refused',
    error: { status: 401 },
    registry: bearer(),
    client: wrong,
  },
  {
    name: 'an identity token that the realm does not know',
    reason: 'token-refused',
    error: { status: 401 },
    registry: bearer({ identityTokens: ['another'] }),
    client: { credentials: Credentials.identityToken('SECRET') },
  },
  {
    name: 'a realm that is not well',
    reason: 'token-refused',
    error: { status: 503 },
    registry: bearer(),
    faults: { 'GET /token': { kind: 'status', status: 503, body: 'SECRET' } },
  },
  ...['', 'SECRET', '[]', 'null', '{}', '{"token":7}', '{"token":""}', '{"token":"SECRET\\r\\nX: y"}'].map(
    (answer): FailureCase => ({
      name: `a realm that answers ${answer}`,
      reason: 'token-invalid',
      registry: bearer({ answer }),
    }),
  ),
  {
    name: 'a token above 1 MiB',
    reason: 'too-large',
    registry: bearer(),
    faults: { 'GET /token': { kind: 'endless' } },
  },
  {
    name: 'a token that has expired at once, and again',
    reason: 'unauthorized',
    error: { status: 401, access: 'anonymous' },
    registry: bearer({ answer: '{"token":"SECRET"}' }),
  },
]
