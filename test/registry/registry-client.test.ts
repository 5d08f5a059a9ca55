import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Credentials } from '../../src/registry/credentials.ts'
import { clientConformance } from './client-conformance.ts'
import { clientOf } from './client-of.ts'
import { RegistryDouble } from './registry-double.ts'

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'registry')
const CERT = readFileSync(join(FIXTURES, 'loopback.crt'), 'utf8')
const KEY = readFileSync(join(FIXTURES, 'loopback.key'), 'utf8')
const USERS = { owner: 'correct horse' }
const OWNER = Credentials.password('owner', 'correct horse')

const bearer = { kind: 'bearer' as const, users: USERS, anonymousPull: true }
const registries = {
  'a registry for everybody': { options: {}, endpoint: {} },
  'a registry over TLS': { options: { tls: { cert: CERT, key: KEY } }, endpoint: { ca: [CERT] } },
  'a registry with a password': {
    options: { auth: { kind: 'basic' as const, users: USERS } },
    endpoint: { credentials: OWNER },
  },
  'a registry with tokens': { options: { auth: bearer }, endpoint: { credentials: OWNER } },
  'a registry with identity tokens': {
    options: { auth: { ...bearer, identityTokens: ['identity'] } },
    endpoint: { credentials: Credentials.identityToken('identity') },
  },
}

for (const [name, { options, endpoint }] of Object.entries(registries)) {
  t.test(name, async (t) => {
    const double = await RegistryDouble.start(options)
    t.teardown(() => double.stop())
    let count = 0
    clientConformance(t, async () => ({
      client: clientOf(double, endpoint),
      repository: `library/app-${++count}`,
    }))
  })
}
