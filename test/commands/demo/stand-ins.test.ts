import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { startHarborDouble } from '../../../src/commands/demo/harbor-double.ts'
import { buildImage } from '../../../src/commands/demo/oci-image.ts'
import { startSpegelDouble } from '../../../src/commands/demo/spegel-double.ts'

const IMAGE = buildImage('hello')
const STORE = new Map([['library/hello', new Map([['v1', IMAGE]])]])
const NONE = new Map()

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

t.test('the image is complete: every digest leads to its content, the layer to the file', async (t) => {
  const manifest = JSON.parse(IMAGE.manifest.bytes.toString())
  t.equal(manifest.config.digest, digestOf(IMAGE.config.bytes))
  t.equal(manifest.layers[0].digest, digestOf(IMAGE.layer.bytes))
  t.equal(manifest.layers[0].size, IMAGE.layer.bytes.length)
  const tar = gunzipSync(IMAGE.layer.bytes)
  t.equal(JSON.parse(IMAGE.config.bytes.toString()).rootfs.diff_ids[0], digestOf(tar))
  t.equal(tar.subarray(0, 9).toString(), 'hello.txt')
  t.equal(tar.subarray(512, 517).toString(), 'hello')
  t.equal(tar.length % 512, 0)
})

t.test('the stand-in Harbor serves a whole pull and its health', async (t) => {
  const harbor = await startHarborDouble(STORE)
  t.teardown(() => harbor.close())
  t.equal((await fetch(`${harbor.url}/v2/`)).status, 200)
  const manifest = await fetch(`${harbor.url}/v2/library/hello/manifests/v1?ns=harbor.test`)
  t.equal(manifest.headers.get('docker-content-digest'), IMAGE.manifest.digest)
  const { layers } = (await manifest.json()) as { layers: { digest: string }[] }
  const layer = await fetch(`${harbor.url}/v2/library/hello/blobs/${layers[0]?.digest}`)
  t.equal(digestOf(new Uint8Array(await layer.arrayBuffer())), layers[0]?.digest)
  const head = await fetch(`${harbor.url}/v2/library/hello/manifests/${IMAGE.manifest.digest}`, { method: 'HEAD' })
  t.equal(head.headers.get('content-length'), String(IMAGE.manifest.bytes.length))
  t.equal(await head.text(), '')
  const health = (await (await fetch(`${harbor.url}/api/v2.0/health`)).json()) as { status: string }
  t.equal(health.status, 'healthy')
})

t.test('the stand-in Harbor answers what it does not have as a registry does', async (t) => {
  const harbor = await startHarborDouble(STORE)
  t.teardown(() => harbor.close())
  const cases: [string, string, number, string][] = [
    ['GET', '/v2/library/none/manifests/v1', 404, 'MANIFEST_UNKNOWN'],
    ['GET', '/v2/library/hello/blobs/sha256:0', 404, 'BLOB_UNKNOWN'],
    ['GET', '/elsewhere', 404, 'NOT_FOUND'],
    ['PUT', '/v2/library/hello/manifests/v1', 405, 'UNSUPPORTED'],
  ]
  for (const [method, path, status, code] of cases) {
    const response = await fetch(`${harbor.url}${path}`, { method })
    t.equal(response.status, status, `${method} ${path}`)
    t.match(await response.json(), { errors: [{ code }] })
  }
})

t.test('the stand-in Spegel wants ns, and marks what this node holds itself', async (t) => {
  const other = new Map([['library/far', new Map([['v1', buildImage('far')]])]])
  const spegel = await startSpegelDouble({ registries: ['harbor.test'], thisNode: STORE, peers: other })
  t.teardown(() => spegel.close())
  const ask = (path: string, headers = {}) => fetch(`${spegel.url}/v2/library/${path}`, { headers })
  for (const path of ['hello/manifests/v1', 'hello/manifests/v1?ns=docker.io']) {
    const refused = await ask(path)
    t.equal(refused.status, 404)
    t.equal(await refused.text(), '', 'an empty body: filtered, not looked for')
  }
  const local = await ask('hello/manifests/v1?ns=harbor.test')
  t.equal(local.headers.get('oci-namespace'), 'harbor.test')
  const remote = await ask('far/manifests/v1?ns=harbor.test')
  t.equal(remote.status, 200)
  t.equal(remote.headers.get('oci-namespace'), null)
  const forPeer = await ask('far/manifests/v1?ns=harbor.test', { 'x-spegel-mirrored': 'true' })
  t.equal(forPeer.status, 404)
  const none = await ask('none/blobs/sha256:0?ns=harbor.test')
  t.same(await none.json(), {
    errors: [{ code: 'BLOB_UNKNOWN', detail: { attempts: 0 }, message: 'could not find peer for sha256:0' }],
  })
  const nothing = await startSpegelDouble({ registries: [], thisNode: NONE, peers: NONE })
  t.equal((await fetch(`${nothing.url}/v2/`)).status, 200)
  await nothing.close()
})
