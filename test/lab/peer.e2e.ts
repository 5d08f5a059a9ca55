/**
 * That the peer mirror of the lab answers as Spegel does. Each expectation here was held against the real 0.7.4, run by
 * hand beside it over the same containerds.
 *
 *   npx tap test/lab/peer.e2e.ts
 *
 * Needs root and what `.ci/tools` installs. Everything happens in namespaces of the lab's own.
 */
import t from 'tap'
import { type CanaryImage, digestsOf } from './canary.ts'
import { PEER_PORTS } from './cluster.ts'
import { startLab } from './lab.ts'
import { withLabTools } from './lab-tools.ts'
import type { LabNode } from './node.ts'

interface Answer {
  status: number
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>
  body: string
}

interface Case {
  path: string
  /** Of curl. */
  args?: readonly string[]
  status: number
  /** null: it must not be there. */
  headers?: Readonly<Record<string, string | null>>
  body?: string
}

const HEAD = ['--head']
const OWN_ONLY = ['-H', 'X-Spegel-Mirrored: true']
const NOWHERE = `sha256:${'0'.repeat(64)}`
const NS = '?ns=192.168.1.106'
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json'
/** Spegel looks into small content to tell a manifest from a blob; this is more than it looks into. */
const SIZE = 5 * 1024 * 1024
const PATIENCE_MS = 1_500

await withLabTools(t, testAll)

async function testAll(): Promise<void> {
  t.setTimeout(120_000)
  const lab = await startLab({ nodes: 2, patience: PATIENCE_MS })
  t.teardown(() => lab.stop())
  const [node, peer] = lab.nodes as [LabNode, LabNode]
  const push = (tag: string) => lab.origin.push({ repository: 'library/canary', tag, layers: 1, size: SIZE })
  const [own, theirs] = [await push('own'), await push('theirs')]
  await node.pull(own.reference)
  await peer.pull(theirs.reference)
  await node.peer.knows(peer.machine.address, digestsOf(theirs))

  const ask = async (path: string, args: readonly string[] = [], port = PEER_PORTS.host) => {
    const url = `http://${node.machine.address}:${port}${path}`
    return readAnswer(await node.machine.run('curl', ['-sS', '-i', '--output', '-', ...args, url]))
  }
  const holds = async (name: string, cases: readonly Case[]) => {
    await t.test(name, async (t) => {
      for (const { path, args = [], status, headers = {}, body } of cases) {
        const answer = await ask(path, args)
        const what = [...args, path].join(' ')
        t.equal(answer.status, status, what)
        for (const [key, value] of Object.entries(headers))
          t.equal(answer.headers[key] ?? null, value, `${what}: ${key}`)
        if (body !== undefined) t.equal(answer.body, body, `${what}: body`)
      }
    })
  }

  await holds('routes', [
    { path: '/livez', status: 200, headers: { 'content-length': '0' } },
    { path: '/readyz', status: 200, headers: { 'content-length': '0' } },
    { path: '/v2/', status: 200, headers: { 'content-length': '0' } },
    { path: '/', status: 404, headers: { 'content-length': '0' } },
    { path: '/metrics', status: 404 },
    { path: '/v2/', args: ['-X', 'POST'], status: 404 },
    { path: `/v2/library/canary/tags/list${NS}`, status: 404, body: '' },
  ])

  const manifest = `/v2/library/canary/manifests/${own.manifest.digest}`
  const layer = layerPath(own)
  await holds('the registry must be named and mirrored', [
    { path: manifest, status: 404, headers: { 'content-length': '0' }, body: '' },
    { path: layer, args: HEAD, status: 404, headers: { 'content-length': '0' } },
    { path: `${manifest}?ns=quay.io`, status: 404, body: '' },
    { path: `${manifest}?ns=192.168.1.106:80`, status: 404, body: '' },
    // Content is known by its digest alone, a tag by its whole name.
    { path: `/v2/other/name/manifests/${own.manifest.digest}?ns=docker.io`, args: HEAD, status: 200 },
    { path: '/v2/library/canary/manifests/own?ns=docker.io', status: 404 },
  ])

  const size = `${own.layers[0]?.size}`
  const given = (image: CanaryImage) => ({
    'docker-content-digest': image.manifest.digest,
    'content-length': `${image.manifest.size}`,
    'content-type': MANIFEST_TYPE,
  })
  const ofNode = { ...given(own), 'oci-namespace': '192.168.1.106' }
  const ofPeer = { ...given(theirs), 'oci-namespace': null }
  const binary = { 'content-type': 'application/octet-stream', 'accept-ranges': 'bytes' }
  await holds('content of the node itself is marked with the registry', [
    { path: manifest + NS, status: 200, headers: ofNode },
    { path: manifest + NS, args: HEAD, status: 200, headers: ofNode, body: '' },
    { path: `/v2/library/canary/manifests/own${NS}`, args: HEAD, status: 200, headers: ofNode },
    { path: manifest + NS, args: [...OWN_ONLY, ...HEAD], status: 200, headers: ofNode },
    { path: manifest + NS, args: ['-H', 'Range: bytes=0-9'], status: 200, headers: ofNode },
    { path: layer + NS, args: HEAD, status: 200, headers: { ...binary, 'content-length': size } },
  ])
  await holds('content of a peer is not', [
    { path: `/v2/library/canary/manifests/${theirs.manifest.digest}${NS}`, status: 200, headers: ofPeer },
    { path: `/v2/library/canary/manifests/theirs${NS}`, args: HEAD, status: 200, headers: ofPeer, body: '' },
    { path: layerPath(theirs) + NS, args: HEAD, status: 200, headers: { ...binary, 'content-length': size } },
  ])

  const part = (range: string) => ['-H', `Range: ${range}`]
  for (const [whose, path] of Object.entries({ "the node's own": layer, "a peer's": layerPath(theirs) })) {
    const last = `${SIZE + 1535}`
    await holds(`ranges of a blob: ${whose}`, [
      {
        path: path + NS,
        args: part('bytes=0-9'),
        status: 206,
        headers: { ...binary, 'content-range': `bytes 0-9/${size}`, 'content-length': '10' },
        body: 'canary-0\0\0',
      },
      {
        path: path + NS,
        args: part('bytes=-3'),
        status: 206,
        headers: { 'content-range': `bytes ${SIZE + 1533}-${last}/${size}` },
        body: '\0\0\0',
      },
      {
        path: path + NS,
        args: [...part(`bytes=${last}-999999999`), ...HEAD],
        status: 206,
        headers: { 'content-range': `bytes ${last}-${last}/${size}`, 'content-length': '1' },
      },
      { path: path + NS, args: part('bytes=9-0'), status: 404, body: '' },
      { path: path + NS, args: part('lines=0-9'), status: 404, body: '' },
      { path: path + NS, args: part('bytes=0-1,4-5'), status: 404, body: '' },
      { path: path + NS, args: part('bytes=-0'), status: 404, body: '' },
    ])
  }
  await holds('a range beyond the end', [{ path: layer + NS, args: part('bytes=99999999-'), status: 400, body: '' }])

  const error = (code: string, message: string, attempts?: number) =>
    JSON.stringify({ errors: [{ code, ...(attempts === undefined ? {} : { detail: { attempts } }), message }] })
  const noBlob = error('BLOB_UNKNOWN', `could not find peer for ${NOWHERE}`, 0)
  await holds('what nobody has, and what is no blob or no manifest', [
    { path: `/v2/library/canary/blobs/${NOWHERE}${NS}`, status: 404, body: noBlob },
    {
      path: `/v2/library/canary/blobs/${NOWHERE}${NS}`,
      args: HEAD,
      status: 404,
      headers: { 'content-length': `${noBlob.length}`, 'content-type': 'application/json' },
      body: '',
    },
    {
      path: `/v2/library/canary/manifests/absent${NS}`,
      status: 404,
      body: error('MANIFEST_UNKNOWN', 'could not find peer for 192.168.1.106/library/canary:absent', 0),
    },
    {
      path: `/v2/library/canary/blobs/${NOWHERE}${NS}`,
      args: OWN_ONLY,
      status: 404,
      body: error('BLOB_UNKNOWN', `could not get blob ${NOWHERE}`),
    },
    {
      path: `/v2/library/canary/manifests/theirs${NS}`,
      args: OWN_ONLY,
      status: 404,
      body: error('MANIFEST_UNKNOWN', 'could not get digest for image tag 192.168.1.106/library/canary:theirs'),
    },
    {
      path: `/v2/library/canary/blobs/${own.manifest.digest}${NS}`,
      status: 404,
      body: error('BLOB_UNKNOWN', `could not get blob ${own.manifest.digest}`),
    },
    {
      path: `/v2/library/canary/manifests/${own.config.digest}${NS}`,
      status: 404,
      body: error('MANIFEST_UNKNOWN', `could not get manifest ${own.config.digest}`),
    },
    { path: `/v2/library/canary/blobs/theirs${NS}`, status: 404, body: '' },
    { path: `/v2/library/canary/blobs/sha256:00${NS}`, status: 404, body: '' },
  ])

  await t.test('what was looked for at peers is counted, and nothing else', async (t) => {
    const counters = async () => {
      const { body } = await ask('/metrics', [], PEER_PORTS.metrics)
      const value = (cache: string) =>
        Number(
          new RegExp(`^spegel_mirror_requests_total\\{registry="192.168.1.106",cache="${cache}"\\} (\\d+)`, 'm').exec(
            body,
          )?.[1],
        )
      return [value('hit'), value('miss')]
    }
    const [hits = 0, misses = 0] = await counters()
    await ask(manifest + NS)
    await ask(`${manifest}?ns=quay.io`)
    await ask(layerPath(theirs) + NS, [...OWN_ONLY, ...HEAD])
    t.same(await counters(), [hits, misses])
    await ask(layerPath(theirs) + NS, HEAD)
    await ask(`/v2/library/canary/blobs/${NOWHERE}${NS}`)
    t.same(await counters(), [hits + 1, misses + 1])
    const { body } = await ask('/metrics', [], PEER_PORTS.metrics)
    t.match(body, /^spegel_advertised_content_digests\{registry="192.168.1.106"\} 3$/m, 'manifest, config and layer')
    t.match(body, /^spegel_advertised_image_tags\{registry="192.168.1.106"\} 1$/m)
    t.match(body, /^spegel_mirror_last_success_timestamp_seconds \d/m)
    t.match(body, /^http_request_duration_seconds_count\{handler="\/v2\/\*",method="GET",code="404"\} \d/m)
  })

  await t.test('a peer that hangs, and one that is gone', async (t) => {
    await peer.peer.fail({ answer: 'nothing', methods: ['GET'] })
    t.same(JSON.parse((await ask(layerPath(theirs) + NS)).body).errors, [
      {
        code: 'BLOB_UNKNOWN',
        detail: { attempts: 1 },
        message: `waited too long for inflight dials to complete for ${theirs.layers[0]?.digest}`,
      },
    ])
    await peer.peer.stop()
    // It was not looked up before: a lookup is made again after 2.5 s.
    const { digest } = theirs.config
    const path = `/v2/library/canary/blobs/${digest}${NS}`
    const gone = [await ask(path), await ask(path)]
    t.same(
      gone.map(({ body }) => JSON.parse(body).errors[0].message),
      [`all request retries exhausted for ${digest}`, `could not find peer for ${digest}`],
      'who failed is left out until it is looked up again',
    )
  })

  await t.test('a node alone is never ready', async (t) => {
    const alone = await startLab({ nodes: 1 })
    t.teardown(() => alone.stop())
    const [only] = alone.nodes as [LabNode]
    const url = `http://${only.machine.address}:${PEER_PORTS.pod}`
    const status = (path: string) =>
      only.machine.run('curl', ['-sS', '--output', '/dev/null', '--write-out', '%{http_code}', url + path])
    t.same([await status('/readyz'), await status('/livez')], ['500', '200'])
  })
}

function layerPath({ layers }: CanaryImage): string {
  return `/v2/library/canary/blobs/${layers[0]?.digest}`
}

function readAnswer(text: string): Answer {
  const end = text.indexOf('\r\n\r\n')
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
  })
  return { status: Number(first.split(' ')[1]), headers: Object.fromEntries(headers), body: text.slice(end + 4) }
}
