import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import t, { type Test } from 'tap'
import type { VerificationStep } from '../../src/drift/verification.ts'
import { SCHEMAS } from '../../src/server/schemas.ts'
import { HOSTS_DIR } from '../fixtures/intents.ts'
import { probedRegistry } from '../pull/probed-registry.ts'
import type { RegistryDouble } from '../registry/registry-double.ts'
import { run } from './run.ts'

const ajv = new Ajv({ strict: false })
for (const schema of SCHEMAS) ajv.addSchema(schema)

const REGISTRY = 'harbor.test'
const healthOf = (...statuses: string[]) => ({
  kind: 'status' as const,
  status: 200,
  body: JSON.stringify({ components: statuses.map((status, index) => ({ name: `part-${index}`, status })) }),
})

/** A node whose only registry is the double, and its configuration; without Spegel and without a daemon. */
async function checked(
  t: Test,
  prepare: (double: RegistryDouble) => void = () => {},
  { more = '', faces = [] }: { more?: string; faces?: readonly string[] } = {},
) {
  const double = await probedRegistry(t)
  double.faults.set('GET /api/v2.0/health', healthOf('healthy', 'healthy'))
  prepare(double)
  const talos = `machine:\n  registries:\n    mirrors:\n      ${REGISTRY}:\n        endpoints: [${double.origin}]\n`
  const root = t.testdir({ 'talos.yaml': talos })
  const hosts = join(root, 'node', HOSTS_DIR, REGISTRY)
  mkdirSync(hosts, { recursive: true })
  writeFileSync(
    join(hosts, 'hosts.toml'),
    `[host]\n  [host.'${double.origin}']\n    capabilities = ['pull', 'resolve']\n`,
  )
  writeFileSync(
    join(root, 'config.yaml'),
    `node: { name: k8s-1, ip: 127.0.0.1 }
host: { root: ${root}/node }
intent: { talos: { patches: [${root}/talos.yaml] }, spegel: { from: none } }
probe: { interval: 0, images: { ${REGISTRY}: library/app:v1 } }
harbor: { url: '${double.origin}', extraUrls: [${faces.map((it) => `'${it}'`)}] }
${more}`,
  )
  const configFile = join(root, 'config.yaml')
  const check = (...options: string[]) => run(['check', '--probe', '--config', configFile, ...options])
  return { double, configFile, check }
}

async function stepsOf(check: (option: string) => ReturnType<typeof run>) {
  const { code, out } = await check('--json')
  const { steps } = JSON.parse(out) as { steps: VerificationStep[] }
  return { code, steps, told: steps.map((it) => `${it.step}: ${it.result}`), out }
}

const GOOD = [
  'origin answers: passed',
  'Harbor healthy: passed',
  'realm sane: skipped',
  'anonymous manifest: passed',
  'anonymous blob: passed',
  'mirror effective: passed',
  'Spegel listed: skipped',
  'Spegel ready: skipped',
  'containerd pulls: skipped',
]

t.test('a node on which everything works, as far as it can be walked', async (t) => {
  const { check } = await checked(t)
  const { code, told, steps, out } = await stepsOf(check)
  t.equal(code, 0)
  t.same(told, GOOD)
  t.ok(ajv.validate('CheckReport#', JSON.parse(out)), ajv.errorsText())
  for (const it of steps) t.notMatch(it.text, /^$/, it.step)
  t.match(steps.at(-1)?.text, 'containerd.socket is not configured')
  t.ok(Number(steps[0]?.duration) > 0)
  const text = await check()
  t.match(text.out, /ok +origin answers +http:\/\/127.*\/v2: GET \/v2\/ \(\d+\.\d ms\)/)
  t.match(text.out, '5 passed, 0 failed, 4 not walked, which proves nothing of them.')
  t.match((await check('--brief')).out, /^ok: /)
})

t.test('a blob that fails while Harbor says that all is well', async (t) => {
  const { check } = await checked(t, ({ faults }) => {
    faults.set('GET /v2/library/app/blobs/', { kind: 'status', status: 500 })
  })
  const { code, told, steps } = await stepsOf(check)
  t.equal(code, 1)
  t.same(told, GOOD.with(4, 'anonymous blob: failed'))
  t.match(steps[4]?.remedy[0]?.command, 'kubectl -n harbor logs')
  const { out } = await check()
  t.match(out, 'while Harbor says that all is well')
  t.match(out, /FAILED +anonymous blob/)
  t.match((await check('--brief')).out, /^warning: endpoint-blob harbor\.test/)
})

t.test('what comes after a step that failed is not reached', async (t) => {
  const { check } = await checked(t, ({ faults }) => faults.set('GET /v2/', { kind: 'status', status: 502 }))
  const { told, steps } = await stepsOf(check)
  t.same(told.slice(0, 5), [
    'origin answers: failed',
    'Harbor healthy: passed',
    'realm sane: skipped',
    'anonymous manifest: skipped',
    'anonymous blob: skipped',
  ])
  t.match(steps[3]?.text, 'not reached: ping failed')
})

t.test('a component of Harbor that is ill is no finding, and a failed step', async (t) => {
  const { check } = await checked(t, ({ faults }) =>
    faults.set('GET /api/v2.0/health', healthOf('healthy', 'unhealthy')),
  )
  const { code, steps } = await stepsOf(check)
  t.equal(code, 1)
  t.match(steps[1], { result: 'failed', text: 'part-1: unhealthy', remedy: [{ command: /kubectl get pods/ }] })
  t.equal((await check('--brief')).out, 'warning: failed: Harbor healthy\n')
})

t.test('what is no Harbor is asked by hand, before its pods are looked for', async (t) => {
  const { check, double } = await checked(t, ({ faults }) =>
    faults.set('GET /api/v2.0/health', { kind: 'status', status: 404 }),
  )
  const { steps } = await stepsOf(check)
  t.match(steps[1], { result: 'failed', text: /is no Harbor/ })
  t.equal(steps[1]?.remedy[0]?.command, `curl -i ${double.origin}/api/v2.0/health`)
})

t.test('a socket without a daemon is not walked, and not passed', async (t) => {
  const { check } = await checked(t, () => {}, { more: 'containerd: { socket: /run/nobody/containerd.sock }' })
  const { code, steps } = await stepsOf(check)
  t.match(steps.at(-1), { step: 'containerd pulls', result: 'skipped', text: /containerd does not answer/ })
  t.equal(code, 2, 'something could not be read')
})

t.test('another face of Harbor whose realm is wrong', async (t) => {
  const auth = { kind: 'bearer', users: {}, anonymousPull: true, realm: 'http://127.0.0.1:1/service/token' } as const
  const face = await probedRegistry(t, { auth })
  const { check, double } = await checked(t, () => {}, { faces: [face.origin] })
  const { code, steps } = await stepsOf(check)
  t.equal(code, 1)
  const realmOf = (url: string) => steps.find((it) => it.step === 'realm sane' && it.subject === url)
  t.match(realmOf(face.url), {
    result: 'failed',
    text: /nothing listens there/,
    remedy: [{ command: /www-authenticate/ }, { command: /externalURL/ }],
  })
  t.match(realmOf(double.url), { result: 'skipped', text: 'it asks for no token' })
})

t.test('one that is interrupted reports nothing, since what it knows is not all', async (t) => {
  const ending = new AbortController()
  const { configFile, double } = await checked(t, ({ faults }) => {
    faults.set('GET /v2/', { kind: 'hang', after: 'request' })
  })
  const checking = run(['check', '--probe', '--json', '--config', configFile], { signal: ending.signal })
  await double.nextRequest()
  ending.abort('SIGINT')
  t.match(await checking, { code: 2, out: '', error: /^pullpath: interrupted: / })
})

t.test('it needs a node', async (t) => {
  const { code, error } = await run(['check', '--probe', '--intent-only'])
  t.equal(code, 2)
  t.match(error, '--probe and --intent-only exclude each other')
})
