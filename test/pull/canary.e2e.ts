/**
 * `canary push` against Debian's `docker-registry`, with and without a password, and what containerd 2.1 pulls of it.
 *
 *   npx tap test/pull/canary.e2e.ts
 *
 * Needs root and what `.ci/tools` installs. Everything happens in the namespaces of a lab.
 */
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { directoryNode, fileNode } from '../../src/hosts/tree.ts'
import { CANARY_CLASSES, canaryTag } from '../../src/pull/canary-names.ts'
import { parseManifest } from '../../src/registry/manifest.ts'
import { connectCri } from '../daemon/cri-pull.ts'
import { CONTAINERD_ROOT, CONTAINERD_SOCKET, expectedHosts, ORIGIN } from '../lab/cluster.ts'
import { type Lab, startLab } from '../lab/lab.ts'
import { withLabTools } from '../lab/lab-tools.ts'
import type { LabNode } from '../lab/node.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
const REPOSITORY = 'library/pullpath-canary'
/** Another one has other images: none of its bytes are on the node before. */
const LOCKED_REPOSITORY = 'private/canary'
const TAGS = 3
const ALL_TAGS = CANARY_CLASSES.flatMap((it) => Array.from({ length: TAGS }, (_, place) => canaryTag(it, place)))
const SHAPE = ['--size', '4MiB', '--layers', '2', '--tags', `${TAGS}`]
/** A second registry of the origin's machine, for whoever has the password that the tests of CRI send: user, pass. */
const LOCKED = `${ORIGIN}:5000`
const LOCKED_FILES = {
  'registry.yaml': `version: 0.1
storage: { filesystem: { rootdirectory: /run/locked/data } }
http: { addr: '${LOCKED}' }
auth: { htpasswd: { realm: locked, path: /run/locked/htpasswd } }
`,
  htpasswd: 'user:$2y$05$abcdefghijklmnopqrstuuZFBUbfXoM8LFiPx8LYlO/sXZB/Cwk3K\n',
  'config.json': JSON.stringify({ auths: { [LOCKED]: { auth: Buffer.from('user:pass').toString('base64') } } }),
}
const PASSWORD = ['PULLPATH_USERNAME=user', 'PULLPATH_PASSWORD=pass']

await withLabTools(t, testAll)

async function testAll(): Promise<void> {
  t.setTimeout(300_000)
  const lab = await startLab({ nodes: 1 })
  t.teardown(() => lab.stop())
  const [node] = lab.nodes as [LabNode]
  const ref = `http://${ORIGIN}/${REPOSITORY}`

  await t.test('what is pushed is pulled, each tag as an image of its own', async (t) => {
    t.equal(await push(lab, ref), summary(ref, TAGS, 0))
    const seen: string[] = []
    for (const tag of ALL_TAGS) {
      const reference = `${ORIGIN}/${REPOSITORY}:${tag}`
      await node.pull(reference)
      const image = await node.containerd.cri.imageStatus(reference)
      t.strictSame(image?.tags, [reference], `${tag} has an id that no other has`)
      t.equal(image?.isPinned, false)
      const { target } = (await node.containerd.inNamespace('k8s.io').image(reference)) ?? {}
      const manifest = parseManifest(contentOf(node, target?.digest), target?.mediaType ?? '')
      if (typeof manifest === 'string' || manifest.kind !== 'image') throw new Error(`${tag} is no image`)
      t.equal(manifest.config.digest, image?.id)
      const layers = manifest.layers.map((it) => it.digest)
      const { rootfs } = JSON.parse(contentOf(node, manifest.config.digest).toString())
      t.strictSame(rootfs.diff_ids, layers)
      seen.push(image?.id ?? '', ...layers)
      const isUnpacked = await node.containerd.inNamespace('k8s.io').snapshot('overlayfs', layers[0] ?? '')
      t.equal(isUnpacked?.kind, 'committed')
      if (tag.startsWith('proof')) continue
      for (const layer of layers) {
        const bytes = contentOf(node, layer)
        const packed = gzipSync(bytes, { level: 9 }).length
        t.ok(packed >= bytes.length * 0.99, `${tag}: gzip makes ${packed} of ${bytes.length}`)
      }
    }
    t.equal(new Set(seen).size, 2 * TAGS * 3 + TAGS * 2, 'ids and layers')
  })

  await t.test('a second push asks for each tag, and sends nothing', async (t) => {
    const { result, served } = await lab.observe(() => push(lab, ref))
    t.equal(result, summary(ref, 0, TAGS))
    t.strictSame(
      served.map(({ method, path, status }) => `${method} ${path} ${status}`).sort(),
      ALL_TAGS.map((it) => `HEAD /v2/${REPOSITORY}/manifests/${it} 200`).sort(),
    )
  })

  await t.test('with a password, from the environment or from a docker configuration', async (t) => {
    await startLocked(lab)
    const ref = `http://${LOCKED}/${LOCKED_REPOSITORY}`
    await t.rejects(push(lab, ref), /refuses access \(without credentials, status 401.*credentials: none for/s)
    t.equal(await push(lab, ref, PASSWORD), summary(ref, TAGS, 0))
    t.equal(await push(lab, ref, ['DOCKER_CONFIG=/run/locked']), summary(ref, 0, TAGS))
    const hosts = fileNode(`server = 'http://${LOCKED}'\n\n[host.'http://${LOCKED}']\n`)
    const { tree } = expectedHosts(node.machine.address)
    await node.writeHosts(directoryNode([...tree.entries, [LOCKED, directoryNode([['hosts.toml', hosts]])]]))
    const cri = connectCri(node.machine.outside(CONTAINERD_SOCKET))
    t.teardown(() => cri.close())
    const ids: (string | undefined)[] = []
    for (const tag of ALL_TAGS) {
      const reference = `${LOCKED}/${LOCKED_REPOSITORY}:${tag}`
      t.strictSame(await cri.pull(reference, true), { code: 0, message: '' }, tag)
      ids.push((await node.containerd.cri.imageStatus(reference))?.id)
    }
    t.equal(new Set(ids).size, ALL_TAGS.length)
  })
}

/** On the origin's machine. Rejects with what it wrote if it does not end with 0. */
function push({ origin }: Lab, ref: string, environment: readonly string[] = []): Promise<string> {
  return origin.machine.run('env', [
    'HOME=/nowhere',
    ...environment,
    process.execPath,
    MAIN,
    'canary',
    'push',
    ref,
    ...SHAPE,
  ])
}

/** `ref`: as it was given. */
function summary(ref: string, pushed: number, found: number): string {
  const line = (names: string, size: string) => `  ${names}, ${size} each: ${pushed} pushed, ${found} there already\n`
  const [tag, home, proof] = [
    line('tag-0 to tag-2', '4 MiB'),
    line('home-0 to home-2', '4 MiB'),
    line('proof-0 to proof-2', '4 KiB'),
  ]
  return `${ref}\n${tag}${home}${proof}`
}

/** A blob as the node's containerd keeps it. */
function contentOf({ machine }: LabNode, digest = ''): Buffer {
  const store = machine.outside(`${CONTAINERD_ROOT}/io.containerd.content.v1.content/blobs`)
  return readFileSync(join(store, ...digest.split(':')))
}

/** Resolves when it listens. */
async function startLocked({ origin: { machine } }: Lab): Promise<void> {
  const directory = machine.outside('/run/locked')
  mkdirSync(directory)
  for (const [name, text] of Object.entries(LOCKED_FILES)) writeFileSync(join(directory, name), text)
  const log = openSync(join(directory, 'log'), 'a')
  machine.start('docker-registry', ['serve', '/run/locked/registry.yaml'], { log })
  closeSync(log)
  await machine.run('sh', [
    '-c',
    `until curl --silent --output /run/locked/answer http://${LOCKED}/v2/; do sleep 0.05; done`,
  ])
}
