import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mock } from 'node:test'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { CommandContext } from '../../src/commands/command.ts'
import { type DoubleOptions, RegistryDouble } from '../registry/registry-double.ts'
import { LOOPBACK_TLS } from '../registry/transport-failures.ts'
import { type Outcome, run } from './run.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const USERS = { owner: 'correct horse' }
const basic = { auth: { kind: 'basic' as const, users: USERS } }
const bearer = { auth: { kind: 'bearer' as const, users: USERS, anonymousPull: true } }
const base64 = (text: string) => Buffer.from(text).toString('base64')
const loginAt = (host: string, login = 'owner:correct horse') =>
  JSON.stringify({ auths: { [host]: { auth: base64(login) } } })

interface Site {
  double: RegistryDouble
  host: string
  /** `canary push` of a small canary, with nothing in the environment but a home that is not there. */
  push(typed?: readonly string[], facts?: Partial<CommandContext>): Promise<Outcome>
}

async function site(t: Test, options: DoubleOptions = {}): Promise<Site> {
  const double = await RegistryDouble.start(options)
  t.teardown(() => double.stop())
  const HOME = '/nowhere'
  return {
    double,
    host: new URL(double.origin).host,
    push: (typed = [`${double.origin}/library/canary`], facts = {}) =>
      run(['canary', 'push', ...typed, '--size', '256KiB', '--tags', '2'], { environment: { HOME }, ...facts }),
  }
}

const summary = (url: string, pushed: number, found: number) => `${url}/library/canary
  tag-0 to tag-1, 256 KiB each: ${pushed} pushed, ${found} there already
  home-0 to home-1, 256 KiB each: ${pushed} pushed, ${found} there already
  proof-0 to proof-1, 4 KiB each: ${pushed} pushed, ${found} there already
`

t.test('a canary is pushed, and what is there is said the second time', async (t) => {
  const { double, push } = await site(t)
  t.strictSame(await push(), { code: 0, out: summary(double.origin, 2, 0), error: '' })
  t.strictSame(await push(), { code: 0, out: summary(double.origin, 0, 2), error: '' })
})

t.test('one tag, and the number of tags that the configuration says', async (t) => {
  const { double } = await site(t)
  const typed = ['canary', 'push', `${double.origin}/library/canary`, '--size', '256KiB']
  const environment = { HOME: t.testdir({ 'config.yaml': 'canary: { tags: 3 }\n' }) }
  t.match(await run([...typed, '--tags', '1'], { environment }), { out: /^ {2}tag-0, 256 KiB each: 1 pushed/m })
  const configured = [...typed, '--config', `${t.testdirName}/config.yaml`]
  t.match(await run(configured, { environment }), { code: 0, out: /^ {2}tag-0 to tag-2, .*: 2 pushed, 1 there/m })
})

t.test('where it is pushed to', async (t) => {
  const { double, host, push } = await site(t)
  const ref = `${host}/library/canary`
  const asked = (outcome: Outcome) => /^https?:\/\/[^/]+/.exec(outcome.out)?.[0]
  const https = await push([ref])
  t.match(https, {
    code: 1,
    error:
      /asked over https, it answers without TLS .*\[PP_REGISTRY_TLS\]\npullpath: https was assumed; .* begin REF with http:\/\/\n$/,
  })
  t.equal(asked(https), `https://${host}`)
  t.match(https.out, /tag-0 to tag-1, 256 KiB each: 0 pushed, 0 there already, 2 missing/)
  t.match(await push([ref, '--plain-http']), { code: 0, out: summary(double.origin, 2, 0) })

  const patch = `machine:\n  registries:\n    mirrors:\n      ${host}:\n        endpoints: [${double.origin}]\n`
  const config = `intent: { talos: { patches: [${t.testdirName}/talos.yaml] }, spegel: { from: none } }\n`
  const directory = t.testdir({
    'talos.yaml': patch,
    'config.yaml': config,
    'lost.yaml': config.replace('talos.yaml', 'gone'),
  })
  t.match(await push([ref, '--config', `${directory}/config.yaml`]), {
    code: 0,
    out: summary(double.origin, 0, 2),
    error: '',
  })
  const typed = await push([`https://${ref}`, '--config', `${directory}/config.yaml`])
  t.equal(asked(typed), `https://${host}`, 'REF wins')
  t.notMatch(typed.error, 'was assumed')
  const lost = await push([ref, '--config', `${directory}/lost.yaml`])
  t.match(lost, { code: 1, error: /^pullpath: intent_talos: .*gone/ }, 'what could not be read is said')
})

t.test('credentials come from the environment, the configured file, or docker its own', async (t) => {
  const environment = { PULLPATH_USERNAME: 'owner', PULLPATH_PASSWORD: 'correct horse' }
  for (const options of [basic, bearer]) {
    const { double, host, push } = await site(t, options)
    const ref = `${double.origin}/library/canary`
    const directory = t.testdir({
      '.docker': { 'config.json': loginAt(host) },
      own: { 'config.json': loginAt(host) },
      other: { 'config.json': loginAt('registry.test') },
      'login.json': loginAt(host),
      'config.yaml': `registryAuth: { dockerConfigFile: ${t.testdirName}/login.json }\n`,
    })
    const HOME = '/nowhere'
    t.match(await push(), { code: 1 }, 'without')
    const other = await push([ref], { environment: { HOME, DOCKER_CONFIG: `${directory}/other` } })
    t.match(other, { code: 1, error: new RegExp(`credentials: none for ${host}, .*${directory}/other/config.json`) })
    t.match(await push([ref], { environment: { HOME, ...environment } }), {
      code: 0,
      out: summary(double.origin, 2, 0),
    })
    const found: [string, Partial<CommandContext>, string[]][] = [
      ['in the home', { environment: { HOME: directory } }, []],
      ['where DOCKER_CONFIG says', { environment: { HOME, DOCKER_CONFIG: `${directory}/own` } }, []],
      ['in the configured file', { environment: { HOME } }, ['--config', `${directory}/config.yaml`]],
      [
        'the environment goes first',
        { environment: { HOME, DOCKER_CONFIG: `${directory}/other`, ...environment } },
        [],
      ],
    ]
    for (const [what, facts, typed] of found) {
      t.match(await push([ref, ...typed], facts), { code: 0, out: summary(double.origin, 0, 2), error: '' }, what)
    }
  }
})

t.test('no secret is ever shown', async (t) => {
  const { double, host, push } = await site(t, basic)
  const ref = `${double.origin}/library/canary`
  const directory = t.testdir({
    wrong: { 'config.json': loginAt(host, 'owner:hunter2') },
    broken: { 'config.json': '{"auths":{"a":{"auth":"hunter2"' },
    none: { 'config.json': JSON.stringify({ auths: { [host]: { auth: base64('hunter2') } } }) },
  })
  const cases: [what: string, code: number, error: RegExp, () => Promise<Outcome>][] = [
    ...['wrong', 'broken', 'none'].map((name): [string, number, RegExp, () => Promise<Outcome>] => [
      name,
      name === 'wrong' ? 1 : 2,
      new RegExp(`${directory}/${name}/config.json${name === 'wrong' ? '' : '.*\\(mend it, or set PULLPATH_USERNAME'}`),
      () => push([ref], { environment: { DOCKER_CONFIG: `${directory}/${name}` } }),
    ]),
    [
      'a wrong password in the environment',
      1,
      /refuses access \(with credentials.*\[PP_REGISTRY_AUTH\]\npullpath: credentials: PULLPATH_USERNAME and PULLPATH_PASSWORD; look at the name and the password, .*\n$/,
      () => push([ref], { environment: { PULLPATH_USERNAME: 'owner', PULLPATH_PASSWORD: 'hunter2' } }),
    ],
    [
      'half of the environment',
      2,
      /only one of them is set \(set both, or neither\) \[PP_USAGE\]/,
      () => push([ref], { environment: { PULLPATH_PASSWORD: 'hunter2' } }),
    ],
    ['credentials in REF', 2, /REF has an @/, () => push([`http://owner:hunter2@${host}/library/canary`])],
  ]
  for (const [what, code, error, push] of cases) {
    const outcome = await push()
    t.match(outcome, { code, error }, what)
    t.notMatch(outcome.out + outcome.error, /hunter2|aHVudGVyM|b3duZXI6/, what)
  }
})

t.test('without credentials where they are needed, it says where they were looked for', async (t) => {
  const { push } = await site(t, basic)
  const { code, error } = await push()
  t.equal(code, 1)
  t.match(error, /refuses access \(without credentials, status 401/)
  t.match(
    error,
    /\npullpath: credentials: none for .*; set PULLPATH_USERNAME and PULLPATH_PASSWORD, or docker login\n$/,
  )
})

t.test('a repository that takes no pushes is told from one that is away', async (t) => {
  const { double, push } = await site(t)
  double.faults.set('POST', { kind: 'status', status: 404 })
  t.match(await push(), { code: 1, error: /\(status 404.*\npullpath: nothing takes pushes there; a project of Harbor/ })
})

t.test('a configured docker file must be there', async (t) => {
  const { double, push } = await site(t)
  const directory = t.testdir({ 'config.yaml': 'registryAuth: { dockerConfigFile: /nowhere/login.json }\n' })
  const outcome = await push([`${double.origin}/library/canary`, '--config', `${directory}/config.yaml`])
  t.match(outcome, { code: 2, error: /\/nowhere\/login.json cannot be read: no such file.*dockerConfigFile/ })
})

t.test('wrong usage is refused before anything is asked', async (t) => {
  const { double } = await site(t)
  const ref = `${double.origin}/library/canary`
  const cases: [typed: string[], error: RegExp][] = [
    [[], /canary: push is missing/],
    [['push'], /canary: REF is missing/],
    [['pull', ref], /canary: unknown action "pull": it can push/],
    [['push', ref, 'more'], /unexpected argument "more"/],
    [['push', `${ref}:v1`], /has a tag: leave it out/],
    [['push', `${ref}@sha256:${'0'.repeat(64)}`], /has an @/],
    [['push', 'library/canary'], /must begin with its registry/],
    [['push', 'canary'], /must begin with its registry/],
    [['push', `${double.origin}/Library/canary`], /must be lowercase/],
    [['push', `${double.origin}/`], /\[PP_REFERENCE_INVALID\]/],
    [['push', 'ftp://192.168.1.106/library/canary'], /\[PP_(USAGE|REFERENCE_INVALID)\]/],
    [['push', 'https://192.168.1.106/library/canary', '--plain-http'], /says https, --plain-http says otherwise/],
    ...['16', '16MB', '255KiB', '5GiB', '1.5MiB', '-1MiB', '0MiB'].map((it): [string[], RegExp] => [
      ['push', ref, `--size=${it}`],
      new RegExp(`--size: "${it}" is not 256KiB to 4GiB, such as 16MiB`),
    ]),
    ...['0', '65', '-1', '1.5', 'many', '1e1'].map((it): [string[], RegExp] => [
      ['push', ref, `--layers=${it}`],
      new RegExp(`--layers: "${it}" is not 1 to 64`),
    ]),
    [['push', ref, '--size', '1MiB', '--layers', '5'], /5 layers of 1MiB are smaller than 256KiB each/],
    ...['0', '1001', 'x'].map((it): [string[], RegExp] => [
      ['push', ref, `--tags=${it}`],
      new RegExp(`--tags: "${it}" is not 1 to 1000`),
    ]),
    [['push', ref, '--password', 'x'], /unknown option --password/],
    [['push', ref, '--config', '/nowhere.yaml'], /PP_FILE_UNREADABLE/],
  ]
  for (const [typed, error] of cases)
    t.match(await run(['canary', ...typed]), { code: 2, out: '', error }, typed.join(' '))
  t.equal(double.received.length, 0)
})

t.test('an error of the registry is one line, and what is missing is counted', async (t) => {
  const { double, push } = await site(t)
  double.faults.set('PUT /v2/library/canary/manifests/home-1', {
    kind: 'status',
    status: 507,
    body: '{"errors":[{"code":"QUOTA"}]}',
  })
  const { code, out, error } = await push()
  t.equal(code, 1)
  t.match(error, /^pullpath: upload of manifest library\/canary:home-1 at http:.*status 507.*\[PP_REGISTRY_STATUS\]\n$/)
  t.match(
    out,
    /tag-0 .*: 0 pushed, 0 there already, 2 missing\n.*home-0 .*: 1 pushed, 0 there already, 1 missing\n.*proof-0 .*: 2 pushed, 0 there already\n$/,
  )
})

t.test('Ctrl-C ends it, and says how to go on', async (t) => {
  const { double, push } = await site(t)
  const ending = new AbortController()
  double.faults.set('PUT /v2/library/canary/blobs/uploads/', (times) => {
    if (times < 3) return null
    ending.abort('SIGINT')
    return { kind: 'hang', after: 'request' }
  })
  const { code, out, error } = await push(undefined, { signal: ending.signal })
  t.equal(code, 1)
  t.equal(error, 'pullpath: interrupted (run it again to go on)\n')
  t.match(out, /proof-0 to proof-1, 4 KiB each: 1 pushed, 0 there already, 1 missing/)
  double.faults.clear()
  t.match(await push(), { code: 0, out: /proof-0 to proof-1, 4 KiB each: 1 pushed, 1 there already\n$/ })
})

t.test('a terminal is shown how far it is, and a pipe nothing', async (t) => {
  const { double, push } = await site(t)
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  let shown = ''
  double.faults.set('PUT /v2/library/canary/manifests/tag-0', () => {
    mock.timers.tick(1000)
    return null
  })
  const write = (text: string) => {
    shown += text
  }
  t.equal((await push(undefined, { terminal: true, write, width: 100 })).code, 0)
  const [line = ''] = shown.split('\r\u001b[K').filter((it) => it.includes('tag-0 1 s'))
  t.match(line, /^\[=+ +\] {2}7\d\d.* KiB of 1 MiB {2}\S+ [KMG]iB\/s {2}tag-0 1 s$/)
  t.ok(line.length <= 100)
  t.ok(shown.endsWith(`\r\u001b[K${summary(double.origin, 2, 0)}`), 'the line goes, and the result stays')
})

t.test('as a process it trusts the authority that NODE_EXTRA_CA_CERTS names', async (t) => {
  const { double } = await site(t, { tls: LOOPBACK_TLS })
  const directory = t.testdir({ 'ca.crt': LOOPBACK_TLS.cert })
  const ref = `${double.origin}/library/canary`
  const { code, output } = await execute(ref, { NODE_EXTRA_CA_CERTS: `${directory}/ca.crt` })
  t.equal(output, summary(double.origin, 2, 0))
  t.equal(code, 0)
  t.match(await execute(ref), { code: 1, output: /its certificate is not trusted/ })
})

t.test('as a process it ends at Ctrl-C', async (t) => {
  const { double } = await site(t)
  double.faults.set('PUT /v2/library/canary/blobs/uploads/', { kind: 'hang', after: 'request' })
  const child = start(`${double.origin}/library/canary`)
  while (double.received.at(-1)?.method !== 'PUT') await double.nextRequest()
  child.kill('SIGINT')
  t.match(await outcomeOf(child), { code: 1, output: /proof-0 to proof-1.*: 0 pushed.*interrupted/s })
})

function start(ref: string, environment: Readonly<Record<string, string>> = {}) {
  const typed = [MAIN, 'canary', 'push', ref, '--size', '256KiB', '--tags', '2']
  const env = { PATH: process.env.PATH, HOME: '/nowhere', ...environment }
  return spawn(process.execPath, typed, { env, stdio: ['ignore', 'pipe', 'pipe'] })
}

function execute(ref: string, environment: Readonly<Record<string, string>> = {}) {
  return outcomeOf(start(ref, environment))
}

async function outcomeOf(child: ReturnType<typeof start>): Promise<{ code: number | null; output: string }> {
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (bytes: Buffer) => {
      output += bytes
    })
  }
  const [code] = await once(child, 'close')
  return { code, output }
}
