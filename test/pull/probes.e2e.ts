/**
 * `check --probe` against Debian's `docker-registry`, with a double of Harbor's own part before it, at Harbor's address in
 * a network of its own, from which nothing gets out. Needs root and what `.ci/tools` installs:
 * npx tap test/pull/probes.e2e.ts
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { buildImage } from '../../src/commands/demo/oci-image.ts'
import type { NodeReport } from '../../src/drift/report.ts'
import type { VerificationStep } from '../../src/drift/verification.ts'
import { openRegistryClient } from '../../src/registry/http-registry-client.ts'
import { run } from '../commands/run.ts'
import { HOSTS_DIR } from '../fixtures/intents.ts'
import { NODE_IP } from '../fixtures/node-states.ts'
import { HARBOR, inside, raiseNetwork, runInside } from '../package/image/namespaces.ts'
import { startDaemon } from '../package/image/program.ts'
import { LOOPBACK_TLS } from '../registry/transport-failures.ts'
import { startHarborFace } from './harbor-face.ts'

const PLAIN = `${HARBOR}:5000`
const SECURE = `${HARBOR}:8443`
const HEALTH = { status: 'healthy', components: ['core', 'registry'].map((name) => ({ name, status: 'healthy' })) }

t.setTimeout(120_000)

async function outside() {
  const directory = mkdtempSync(join(tmpdir(), 'pullpath-probes-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  await runInside(t, import.meta.filename, directory)
}

async function startRegistry(t: Test, directory: string, address: string, tls = ''): Promise<void> {
  const config = join(directory, `registry-${address.replace(':', '-')}.yaml`)
  const storage = `storage: { filesystem: { rootdirectory: ${directory}/data } }`
  writeFileSync(config, `version: 0.1\nlog: { level: warn }\n${storage}\nhttp: { addr: '${address}'${tls} }\n`)
  const daemon = startDaemon('docker-registry', ['serve', config])
  t.teardown(() => daemon.stop())
  const scheme = tls === '' ? 'http' : 'https'
  const client = openRegistryClient(endpointOf(`${scheme}://${address}/v2`, false))
  for (;;) {
    try {
      await client.ping()
      return
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50)) // it does not listen yet
    }
  }
}

function endpointOf(url: string, verify = true) {
  return { url, namespace: null, headers: {}, tls: { ca: [], client: null, verify }, credentials: null }
}

/** The check of a node whose only mirror is at this URL. */
async function checked(directory: string, url: string) {
  const root = mkdtempSync(join(directory, 'node-'))
  const hosts = join(root, 'node', HOSTS_DIR, HARBOR)
  mkdirSync(hosts, { recursive: true })
  writeFileSync(join(hosts, 'hosts.toml'), `[host]\n  [host.'${url}']\n    capabilities = ['pull', 'resolve']\n`)
  const talos = `machine: { registries: { mirrors: { ${HARBOR}: { endpoints: ['${url}'] } } } }\n`
  writeFileSync(join(root, 'talos.yaml'), talos)
  const config = `node: { name: k8s-1, ip: ${NODE_IP} }
host: { root: ${root}/node }
intent: { talos: { patches: [${root}/talos.yaml] }, spegel: { from: none } }
probe: { timeout: 3s, images: { ${HARBOR}: library/app:v1 } }
`
  writeFileSync(join(root, 'config.yaml'), config)
  const { code, out } = await run(['check', '--probe', '--json', '--config', join(root, 'config.yaml')])
  const report = JSON.parse(out) as NodeReport & { steps: VerificationStep[] }
  return { code, report, told: report.steps.slice(0, 5).map((it) => `${it.step} ${it.result}`) }
}

async function within({ directory }: { directory: string }) {
  await raiseNetwork()
  for (const [name, text] of Object.entries(LOOPBACK_TLS)) writeFileSync(join(directory, name), text)
  await startRegistry(t, directory, PLAIN)
  await startRegistry(t, directory, SECURE, `, tls: { certificate: ${directory}/cert, key: ${directory}/key }`)
  const face = await startHarborFace(HARBOR, 80, `http://${PLAIN}`)
  t.teardown(() => face.stop())
  face.health = HEALTH
  const image = buildImage('probed')
  const origin = openRegistryClient(endpointOf(`http://${PLAIN}/v2`))
  for (const { digest, bytes } of [image.config, image.layer]) {
    await origin.pushBlob('library/app', { digest, size: bytes.length, open: () => [bytes] })
  }
  await origin.pushManifest('library/app', 'v1', image.manifest)
  const healthy = ['origin answers passed', 'Harbor healthy passed']

  t.test('a Harbor that works, whose realm is its own', async (t) => {
    face.realm = `http://${HARBOR}/service/token`
    const { code, report, told } = await checked(directory, `http://${HARBOR}`)
    t.equal(code, 0)
    t.same(told, [...healthy, 'realm sane passed', 'anonymous manifest passed', 'anonymous blob passed'])
    const [probe] = report.probes.endpoints
    for (const phase of ['connect', 'processing', 'transfer'] as const) t.ok(Number(probe?.phases[phase]) > 0, phase)
  })

  t.test('blobs answer 500 while Harbor says that all is well', async (t) => {
    face.blobStatus = 500
    const { code, report, told } = await checked(directory, `http://${HARBOR}`)
    face.blobStatus = null
    t.equal(code, 1)
    t.same(told.slice(0, 2), healthy)
    t.equal(told[4], 'anonymous blob failed')
    t.match(report.findings, [{ reason: 'endpoint-blob', cause: { text: /while Harbor says that all is well/ } }])
  })

  t.test("Harbor's external URL is a name that this node cannot resolve", async (t) => {
    face.realm = 'https://harbor.invalid/service/token'
    const { code, report, told } = await checked(directory, `http://${HARBOR}`)
    face.realm = null
    t.equal(code, 1)
    t.equal(told[2], 'realm sane failed')
    t.match(report.findings, [{ reason: 'endpoint-auth', summary: /for a token to https:\/\/harbor\.invalid/ }])
  })

  t.test('a real registry asked by the wrong scheme, and one whose certificate nobody trusts', async (t) => {
    for (const [url, summary] of [
      [`https://${PLAIN}`, /is asked over https and speaks plain http/],
      [`http://${SECURE}`, /is asked over http and wants https/],
      [`https://${SECURE}`, /certificate that this node does not trust/],
    ] as const) {
      const { code, report } = await checked(directory, url)
      t.equal(code, 1)
      const found = report.findings.filter((it) => it.reason === 'endpoint-tls')
      t.match(found, [{ summary }], url)
    }
  })

  t.test('nothing listens', async (t) => {
    const { report } = await checked(directory, `http://${HARBOR}:81`)
    t.match(report.findings, [{ reason: 'endpoint-down', cause: { text: /refused/ } }])
  })

  t.test('other bytes than the digest says, in the storage of a real registry', async (t) => {
    const blobs = join(directory, 'data/docker/registry/v2/blobs/sha256')
    const smallest = [image.config, image.layer].toSorted((a, b) => a.bytes.length - b.bytes.length)[0] ?? image.config
    const hex = smallest.digest.replace('sha256:', '')
    const place = join(blobs, hex.slice(0, 2), hex)
    t.same(readdirSync(place), ['data'])
    writeFileSync(join(place, 'data'), Buffer.alloc(smallest.bytes.length, 'x'))
    const { report, told } = await checked(directory, `http://${HARBOR}`)
    writeFileSync(join(place, 'data'), smallest.bytes)
    t.equal(told[4], 'anonymous blob failed')
    t.match(report.findings, [{ reason: 'endpoint-blob', evidence: [{ text: /do not have the digest/ }] }])
  })
}

const given = inside()
if (given === null) await outside()
else await within(given)
