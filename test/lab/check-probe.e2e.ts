/**
 * `check --probe` on a node with a real containerd, a real registry at 192.168.1.106 and the hosts tree of the examples:
 * the whole walk, containerd's own proof included, on a node in order and on broken ones.
 *
 *   npx tap test/lab/check-probe.e2e.ts
 *
 * Needs root and what `.ci/tools` installs. Everything happens in the namespaces of a lab.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import t from 'tap'
import type { NodeReport } from '../../src/drift/report.ts'
import { VERIFICATION_STEPS, type VerificationStep } from '../../src/drift/verification.ts'
import { type DirectoryNode, directoryNode, fileNode } from '../../src/hosts/tree.ts'
import { SCHEMAS } from '../../src/server/schemas.ts'
import { CONTAINERD_SOCKET, expectedHosts, HOSTS_DIR, ORIGIN, PEER_PORTS } from './cluster.ts'
import { type Lab, startLab } from './lab.ts'
import { withLabTools } from './lab-tools.ts'
import type { LabNode } from './node.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples')
const CONFIGURATION = '/run/pullpath.yaml'
const REPOSITORY = 'library/pullpath-canary'
const PROOF = `${ORIGIN}/${REPOSITORY}:proof-0`
/** The exit code, on a line of its own behind what the command wrote. */
const CODE = /^exit (\d+)\n$/m

/** Spegel's mirrored registries that nobody but it declares. */
const OTHER_REGISTRIES = /docker\.io|ghcr\.io|registry\.k8s\.io/

const ajv = new Ajv({ strict: false })
for (const schema of SCHEMAS) ajv.addSchema(schema)

await withLabTools(t, testAll)

async function testAll(): Promise<void> {
  t.setTimeout(300_000)
  const lab = await startLab({ nodes: 2 })
  t.teardown(() => lab.stop())
  const [node] = lab.nodes as [LabNode]
  const { address, name } = node.machine
  await pushCanary(lab)
  writeFileSync(node.machine.outside(CONFIGURATION), configurationOf(node))
  const { tree } = expectedHosts(address)
  const peers = [PEER_PORTS.host, PEER_PORTS.node].map((port) => `http://${address}:${port}/v2`)
  const origin = `http://${ORIGIN}/v2`

  await t.test('a node in order: every line, and each is proven', async (t) => {
    const { code, text } = await checked(node)
    t.equal(code, 0, text)
    const lines = [
      `ok       origin answers      ${origin}: GET /v2/`,
      'skipped  Harbor healthy      harbor.url is not set, or no pull path leads to it',
      `skipped  realm sane          ${origin}: it asks for no token`,
      `ok       anonymous manifest  ${origin}: ${REPOSITORY}:tag-0`,
      `ok       anonymous blob      ${origin}: a blob`,
      `ok       mirror effective    ${ORIGIN}: containerd asks ${peers[0]}, ${peers[1]}, ${origin}, ${origin}`,
      `ok       Spegel listed       ${ORIGIN}: as http://${ORIGIN}`,
      `ok       Spegel ready        http://${address}:${PEER_PORTS.host}: /readyz answers 200`,
      ...peers.map((it) => `ok       Spegel answers      ${it}: GET /v2/`),
      `ok       containerd pulls    ${PROOF}: pulled, and removed again`,
    ]
    t.same(
      walkIn(text).filter((it) => !OTHER_REGISTRIES.test(it)),
      lines,
    )
    t.match(text, /^Node k8s-1 \(192\.168\.1\.98\)\n {2}containerd 2\.1\.\S+, local pull/)
    t.match(text, /\n\d+ passed, 0 failed, 2 not walked, which proves nothing of them\.\n$/)
    const brief = await checked(node, '--brief')
    t.equal(brief.code, 0)
    t.ok(brief.text.length <= 81, brief.text)
    t.same(await left(node), { images: [], ingests: 0, leases: 0 })
  })

  await t.test('the same as JSON, which its schema allows', async (t) => {
    const { code, text } = await checked(node, '--json')
    t.equal(code, 0)
    const report: NodeReport & { steps: VerificationStep[] } = JSON.parse(text)
    t.ok(ajv.validate('CheckReport#', report), ajv.errorsText())
    t.same([...new Set(report.steps.map((it) => it.step))], VERIFICATION_STEPS)
    t.match(report.proofs, [{ reference: PROOF, outcome: 'resolved', layersKept: true, origin: { words: '' } }])
    t.equal(report.node.name, name)
    for (const { step, result, duration } of report.steps) {
      const isWaitedFor = result === 'passed' && !['mirror effective', 'Spegel listed'].includes(step)
      t.equal(duration !== null, isWaitedFor, `${step}: ${duration}`)
    }
  })

  await t.test('https is asked for the registry that speaks http alone', async (t) => {
    await node.writeHosts(httpLost(tree, address))
    const { code, text } = await checked(node)
    t.equal(code, 1)
    t.same(
      walkIn(text)
        .filter((it) => it.startsWith('FAILED'))
        .map((it) => it.slice(0, 28).trim()),
      ['FAILED   origin answers', 'FAILED   mirror effective', 'FAILED   containerd pulls'],
    )
    t.match(text, /CRITICAL {2}192\.168\.1\.106 {2}plain-http-lost/)
    t.match(text, /FAILED +containerd pulls +192\.168\.1\.106\/library\/pullpath-canary:proof-0:\s+failed to pull/)
    t.match(text, /skipped +anonymous blob +https:\/\/192\.168\.1\.106\/v2: not reached: ping\s+failed/)
    const json = await checked(node, '--json')
    t.equal(json.code, 1)
    const report: NodeReport & { steps: VerificationStep[] } = JSON.parse(json.text)
    t.ok(ajv.validate('CheckReport#', report), ajv.errorsText())
    t.match(report.findings.map((it) => it.reason).toSorted(), ['plain-http-lost', 'resolve-failed'])
    t.match(report.proofs, [{ outcome: 'failed', origin: { words: '' } }], 'the origin serves it')
    const remedies = report.steps.filter((it) => it.result === 'failed').map((it) => it.remedy.length)
    t.ok(
      remedies.slice(1).every((it) => it > 0),
      'and says what to run',
    )
    await node.writeHosts(tree)
    t.equal((await checked(node, '--brief')).code, 0, 'put right it is in order again')
  })

  await t.test('the registry is gone', async (t) => {
    await lab.origin.endRegistry()
    const { code, text } = await checked(node)
    t.equal(code, 1)
    const failed = walkIn(text).filter((it) => it.startsWith('FAILED'))
    t.match(failed, [/^FAILED +origin answers +http:\/\/192\.168\.1\.106\/v2: the API at .*: nothing listens/])
    t.equal(failed.length, 2)
    t.match(failed[1], /^FAILED +containerd pulls/)
    t.match(text, /endpoint-down \(fault\)/)
    const json = await checked(node, '--json')
    const report: NodeReport & { steps: VerificationStep[] } = JSON.parse(json.text)
    t.ok(ajv.validate('CheckReport#', report), ajv.errorsText())
    t.match(report.findings, [{ reason: 'endpoint-down', registry: ORIGIN }])
    t.match(report.proofs, [{ outcome: 'origin-down' }])
    const brief = await checked(node, '--brief')
    t.equal(brief.code, 1)
    t.ok(brief.text.length <= 81, brief.text)
    t.same(await left(node), { images: [], ingests: 0, leases: 0 })
  })
}

/** The lines of the walk, each as one line, without times and without what to run. */
function walkIn(text: string): string[] {
  const [, walk = ''] = text.split('Step by step on this node:\n')
  return walk
    .replace(/\n {31}(?! )/g, ' ')
    .split('\n')
    .filter((it) => it.startsWith('  '))
    .map((it) => it.trim().replace(/ \(\d+\.\d+ ms\)/, ''))
}

/** On the node, with its exit code. */
async function checked({ machine }: LabNode, ...flags: string[]): Promise<{ code: number; text: string }> {
  const command = '"$@"; echo "exit $?"'
  const typed = [process.execPath, MAIN, 'check', '--probe', '--config', CONFIGURATION, ...flags]
  const text = await machine.run('sh', ['-c', command, 'sh', ...typed])
  return { code: Number(CODE.exec(text)?.[1]), text: text.replace(CODE, '') }
}

async function pushCanary({ origin }: Lab): Promise<void> {
  const shape = ['--size', '1MiB', '--layers', '1', '--tags', '1']
  const typed = ['canary', 'push', `http://${ORIGIN}/${REPOSITORY}`, ...shape]
  await origin.machine.run('env', ['HOME=/nowhere', process.execPath, MAIN, ...typed])
}

function configurationOf({ machine }: LabNode): string {
  return `node: { name: ${machine.name}, ip: ${machine.address} }
host: { root: / }
intent:
  talos: { patches: [${EXAMPLES}/talos/registry-mirrors.yaml] }
  spegel: { from: helmrelease, values: [${EXAMPLES}/spegel/helmrelease.yaml] }
containerd: { hostsDir: ${HOSTS_DIR}, configFile: /etc/cri/containerd.toml, socket: ${CONTAINERD_SOCKET} }
probe: { timeout: 5s, images: { ${ORIGIN}: ${REPOSITORY}:tag-0 } }
canary: { image: ${ORIGIN}/${REPOSITORY}, tags: 1, interval: 0 }
harbor: { url: null }
`
}

/** Spegel without what Talos wrote: the default upstream is asked, over https. */
function httpLost(tree: DirectoryNode, address: string): DirectoryNode {
  const targets = [PEER_PORTS.host, PEER_PORTS.node].map((port) => {
    return `[host.'http://${address}:${port}']\ncapabilities = ['pull', 'resolve']\ndial_timeout = '200ms'`
  })
  const lost = directoryNode([['hosts.toml', fileNode(`server = 'https://${ORIGIN}'\n\n${targets.join('\n\n')}`)]])
  return directoryNode([...tree.entries].map(([name, node]) => [name, name === ORIGIN ? lost : node]))
}

/** What of a proof is still in the node's containerd. */
async function left({ containerd }: LabNode) {
  const store = containerd.inNamespace('k8s.io')
  const [images, ingests, leases] = await Promise.all([store.images([]), store.ingests([]), store.leases([])])
  return { images: images.map((it) => it.name), ingests: ingests.length, leases: leases.length }
}
