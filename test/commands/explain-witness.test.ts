import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import t, { type Test } from 'tap'
import type { Witness, WitnessedRequest } from '../../src/containerd/witness.ts'
import { SCHEMAS } from '../../src/server/schemas.ts'
import { MemoryDaemon } from '../containerd/client/memory-daemon.ts'
import { WireDouble } from '../containerd/client/wire-double.ts'
import { run } from './run.ts'

const IMAGE = '192.168.1.106/library/app:v1'
const HOSTS_TOML =
  "server = 'http://192.168.1.106'\n[host.'http://192.168.1.98:29999']\ncapabilities = ['pull', 'resolve']\n"
const DIGEST = `sha256:${'a'.repeat(64)}`
const CONFIG = `sha256:${'c'.repeat(64)}`

/** The peer has nothing, the origin all. */
function witness(): Witness {
  const objects = ['manifests/v1', `manifests/${DIGEST}`, `blobs/${CONFIG}`]
  const requests = objects.flatMap((it, index): WitnessedRequest[] => {
    const common = {
      method: index === 0 ? 'HEAD' : 'GET',
      path: `/v2/library/app/${it}`,
      isUncertain: false,
      digest: index === 2 ? CONFIG : DIGEST,
      hasLength: true,
      challenge: null,
      refusesToken: false,
      redirectedFrom: null,
      sentAt: 0,
      answeredAt: 0,
    }
    return [
      { ...common, host: '192.168.1.98:29999', ns: '192.168.1.106', status: 404 },
      { ...common, host: '192.168.1.106', ns: null, status: 200 },
    ]
  })
  return { requests, manifests: [{ digest: DIGEST, kind: 'image', names: [CONFIG] }], error: null, cutShort: null }
}

interface Site {
  daemon: MemoryDaemon
  double: WireDouble
  /** With a hosts tree and a socket below it, as a node has them. */
  root: string
}

async function site(t: Test): Promise<Site> {
  const root = mkdtempSync(join(tmpdir(), 'pullpath-site-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  for (const dir of ['etc/cri/conf.d/hosts', 'var/candidate']) {
    mkdirSync(join(root, dir, '192.168.1.106'), { recursive: true })
    writeFileSync(join(root, dir, '192.168.1.106', 'hosts.toml'), HOSTS_TOML)
  }
  mkdirSync(join(root, 'run/containerd'), { recursive: true })
  const daemon = new MemoryDaemon()
  daemon.witness = witness()
  const double = new WireDouble(daemon, join(root, 'run/containerd/containerd.sock'))
  await double.start()
  t.teardown(() => double.stop())
  writeFileSync(join(root, 'config.yaml'), `host: { root: ${root} }\nintent: { spegel: { from: none } }\n`)
  return { daemon, double, root }
}

t.test(
  'prediction and proof side by side, and as JSON; the socket is below the root of the configuration',
  async (t) => {
    const { root, daemon } = await site(t)
    const typed = ['explain', IMAGE, '--config', join(root, 'config.yaml'), '--witness']
    const { code, out, error } = await run(typed, { width: 120 })
    t.equal(error, '')
    t.equal(code, 0, out)
    t.match(out, '\n1  http://192.168.1.98:29999/v2  ')
    t.match(out, "\ncontainerd's own proof\n  containerd  2.1.9+unknown, its transfer service\n")
    t.match(out, '\nAgrees: containerd asked what is predicted, 6 requests in that order.\n')
    t.equal(daemon.witnessTask?.hostsDir, '/etc/cri/conf.d/hosts')
    const json = JSON.parse((await run([...typed, '--json'])).out)
    t.match(json, { image: IMAGE, witness: { agrees: true, containerd: '2.1.9+unknown', error: null } })
    const ajv = new Ajv({ strict: false })
    for (const schema of SCHEMAS) ajv.addSchema(schema)
    t.ok(ajv.validate('Explanation#', json), ajv.errorsText())
    const without = JSON.parse((await run([...typed.slice(0, -1), '--json'])).out)
    t.equal(without.witness, null)
  },
)

t.test('a candidate tree is a path of the daemon, read below the root of the node', async (t) => {
  const { root, daemon } = await site(t)
  const typed = ['explain', IMAGE, '--config', join(root, 'config.yaml'), '--witness', '--hosts-dir', '/var/candidate']
  t.equal((await run(typed)).code, 0)
  t.equal(daemon.witnessTask?.hostsDir, '/var/candidate')
  writeFileSync(join(root, 'var/candidate/192.168.1.106/hosts.toml'), "server = 'http://192.168.1.106'\n")
  const { code, out } = await run(typed)
  t.equal(code, 1, 'containerd asks what Pullpath does not see')
  t.match(out, '\nDisagrees: 3 asked and not predicted.')
})

t.test('what was cut short is not proven; what could not be had is an error', async (t) => {
  const { root, daemon, double } = await site(t)
  const typed = [
    'explain',
    IMAGE,
    '--hosts-dir',
    join(root, 'etc/cri/conf.d/hosts'),
    '--witness',
    '--socket',
    double.socket,
  ]
  t.equal((await run(typed)).code, 0, 'the socket is given')
  daemon.witness = { ...witness(), requests: witness().requests.slice(0, 2), manifests: [] }
  const partial = await run(typed)
  t.equal(partial.code, 2)
  t.match(partial.out, /\nNot proven: nothing differs in 2 requests/)
  daemon.version = '1.7.24'
  const old = await run(typed)
  t.equal(old.code, 2)
  t.equal(
    old.error,
    'pullpath: containerd 1.7.24 cannot say what it asks (the witness needs containerd 2.1 or later) [PP_WITNESS_UNSUPPORTED]\n',
  )
  const absent = await run([...typed.slice(0, -1), join(root, 'none.sock')])
  t.equal(absent.code, 2)
  t.match(absent.error, 'there is no socket (ENOENT)')
  t.match(absent.error, '[PP_DAEMON_UNREACHABLE]')
})

t.test('--socket alone is a mistake', async (t) => {
  const { code, error } = await run(['explain', IMAGE, '--socket', '/run/x.sock'])
  t.equal(code, 2)
  t.match(error, 'explain: --socket is for --witness')
})
