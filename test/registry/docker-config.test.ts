import fc from 'fast-check'
import t from 'tap'
import { PullpathError } from '../../src/errors.ts'
import { credentialsFor, parseDockerConfig } from '../../src/registry/docker-config.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const configOf = (auths: unknown) => parseDockerConfig(JSON.stringify({ auths }))
const basicOf = (name: string, auths: unknown) => {
  const basic = credentialsFor(configOf(auths), name)?.basic
  return basic === undefined || basic === null ? null : Buffer.from(basic.replace(/^Basic /, ''), 'base64').toString()
}

t.test('keys are hosts or URLs, and a port belongs to its host', async (t) => {
  const auth = { auth: base64('owner:secret') }
  const table: [key: string, host: string, found: boolean][] = [
    ['192.168.1.106', '192.168.1.106', true],
    ['http://192.168.1.106', '192.168.1.106', true],
    ['https://192.168.1.106/v2/', '192.168.1.106', true],
    ['192.168.1.106:5000', '192.168.1.106:5000', true],
    ['192.168.1.106:5000', '192.168.1.106', false],
    ['192.168.1.106', '192.168.1.106:5000', false],
    ['registry.example/team', 'registry.example', true],
    ['example', 'registry.example', false],
    ['https://index.docker.io/v1/', 'registry-1.docker.io', true],
    ['docker.io', 'registry-1.docker.io', true],
    ['https://index.docker.io/v1/', 'docker.io', true],
    ['https://index.docker.io/v1/', 'docker.io.example', false],
  ]
  for (const [key, host, found] of table) {
    t.equal(basicOf(host, { [key]: auth }), found ? 'owner:secret' : null, `${key} for ${host}`)
  }
})

t.test('forms of an entry', async (t) => {
  const table: [entry: object, basic: string | null][] = [
    [{ auth: base64('owner:with:colons') }, 'owner:with:colons'],
    [{ auth: base64('owner:padded\0\0') }, 'owner:padded'],
    [{ auth: base64('owner:') }, 'owner:'],
    [{ username: 'owner', password: 'secret' }, 'owner:secret'],
    [{ auth: base64('owner:first'), username: 'owner', password: 'second' }, 'owner:first'],
    [{}, null],
    [{ username: 'owner' }, null],
    [{ email: 'owner@registry.example' }, null],
  ]
  for (const [entry, basic] of table) t.equal(basicOf('a', { a: entry }), basic, JSON.stringify(entry))
})

t.test('an identity token goes before a password', async (t) => {
  const config = configOf({ a: { auth: base64('<token>:'), identitytoken: 'identity' } })
  const credentials = credentialsFor(config, 'a')
  t.match(credentials, { kind: 'identity-token', basic: null, refreshToken: 'identity' })
})

t.test('a file without logins, or with helpers alone, has no credentials', async (t) => {
  for (const text of ['{}', '{"auths":{}}', '{"credsStore":"pass","auths":{"a":{}},"credHelpers":{"b":"ecr-login"}}']) {
    t.equal(credentialsFor(parseDockerConfig(text), 'a'), null)
  }
})

t.test('what cannot be read is refused without showing any of it', async (t) => {
  const texts = [
    '',
    'secret',
    '{"auths":{"a":{"auth":"secret"',
    '[]',
    'null',
    '{"auths":"secret"}',
    '{"auths":{"a":"secret"}}',
    JSON.stringify({ auths: { a: { auth: base64('secret') } } }),
    JSON.stringify({ auths: { a: { auth: base64(':secret') } } }),
  ]
  for (const text of texts) {
    const error = await (async () => parseDockerConfig(text))().catch((it) => it)
    t.ok(error instanceof PullpathError, text)
    t.equal(error.code, 'PP_DOCKER_CONFIG_INVALID')
    t.notMatch(`${error.toLine()}${error.stack}${error.cause}`, /secret/)
  }
})

t.test('any name and password come back as they were put in', async (t) => {
  const name = fc.string({ minLength: 1 }).filter((it) => !it.includes(':'))
  const password = fc.string({ minLength: 1 }).filter((it) => !it.endsWith('\0'))
  fc.assert(
    fc.property(name, password, (username, secret) => {
      t.equal(basicOf('a', { a: { auth: base64(`${username}:${secret}`) } }), `${username}:${secret}`)
    }),
    { numRuns: 300 },
  )
})
