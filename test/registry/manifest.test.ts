import fc from 'fast-check'
import t from 'tap'
import { choosePlatform, type IndexEntry, MANIFEST_TYPES, parseManifest } from '../../src/registry/manifest.ts'

const OCI_IMAGE = 'application/vnd.oci.image.manifest.v1+json'
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
const DOCKER_IMAGE = 'application/vnd.docker.distribution.manifest.v2+json'
const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
const DIGEST = `sha256:${'a'.repeat(64)}`
const descriptor = { mediaType: 'x/y', digest: DIGEST, size: 7 }
const parse = (value: unknown, mediaType = OCI_IMAGE) => parseManifest(Buffer.from(JSON.stringify(value)), mediaType)

t.test('images and indexes of both kinds', async (t) => {
  const image = { config: descriptor, layers: [descriptor, { ...descriptor, urls: ['x'] }] }
  for (const type of [OCI_IMAGE, DOCKER_IMAGE]) {
    t.strictSame(parse(image, type), { kind: 'image', config: descriptor, layers: [descriptor, descriptor] })
  }
  const platform = { os: 'linux', architecture: 'arm', variant: 'v6' }
  const index = { manifests: [{ ...descriptor, platform }, descriptor] }
  for (const type of [OCI_INDEX, DOCKER_LIST]) {
    const manifests = [
      { ...descriptor, platform },
      { ...descriptor, platform: null },
    ]
    t.strictSame(parse(index, type), { kind: 'index', manifests })
  }
})

t.test("the manifest's own media type counts for more than the header's", async (t) => {
  t.match(parse({ mediaType: OCI_INDEX, manifests: [] }, 'application/octet-stream'), { kind: 'index' })
  t.match(parse({ mediaType: OCI_INDEX, manifests: [] }, OCI_IMAGE), { kind: 'index' })
})

t.test('what is no manifest is said', async (t) => {
  const image = (change: object) => ({ config: descriptor, layers: [], ...change })
  const table: [value: unknown, mediaType: string, expected: string][] = [
    [[], OCI_IMAGE, 'it is no object'],
    [null, OCI_IMAGE, 'it is no object'],
    [image({}), 'text/html', 'its media type is none of an image or an index'],
    [image({ config: undefined }), OCI_IMAGE, 'its config is no descriptor'],
    [image({ layers: {} }), OCI_IMAGE, 'its layers are no list'],
    [image({ layers: [7] }), OCI_IMAGE, 'a layer is no descriptor'],
    [image({ layers: [{ ...descriptor, size: -1 }] }), OCI_IMAGE, 'a layer is no descriptor'],
    [image({ layers: [{ ...descriptor, size: 1.5 }] }), OCI_IMAGE, 'a layer is no descriptor'],
    [image({ layers: [{ ...descriptor, digest: 'sha256:../x' }] }), OCI_IMAGE, 'a layer is no descriptor'],
    [{}, OCI_INDEX, 'its manifests are no list'],
    [{ manifests: [{}] }, OCI_INDEX, 'a manifest of it is no descriptor'],
  ]
  for (const [value, mediaType, expected] of table) t.equal(parse(value, mediaType), expected)
  t.equal(parseManifest(Buffer.from('<html>'), OCI_IMAGE), 'it is not JSON')
})

t.test('any JSON is a manifest or is said to be none', async (t) => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...MANIFEST_TYPES), (value, mediaType) => {
      const manifest = parse(value, mediaType)
      t.ok(typeof manifest === 'string' || manifest.kind === 'image' || manifest.kind === 'index')
    }),
    { numRuns: 300 },
  )
})

t.test('the platform of an index', async (t) => {
  const entry = (architecture: string, variant: string | null = null, os = 'linux'): IndexEntry => ({
    ...descriptor,
    platform: { os, architecture, variant },
  })
  const attestation = { ...descriptor, platform: null }
  const [amd64, arm64, arm64v8, armv6, armv7] = [
    entry('amd64'),
    entry('arm64'),
    entry('arm64', 'v8'),
    entry('arm', 'v6'),
    entry('arm', 'v7'),
  ]
  const windows = entry('amd64', null, 'windows')
  const table: [IndexEntry[], architecture: string, variant: string | null, IndexEntry | null][] = [
    [[attestation, windows, amd64, arm64], 'amd64', null, amd64],
    [[amd64, arm64], 'arm64', null, arm64],
    [[amd64, arm64], 'arm64', 'v8', arm64],
    [[amd64, arm64v8], 'arm64', null, arm64v8],
    [[armv6, armv7], 'arm', null, armv7],
    [[armv6, armv7], 'arm', 'v6', armv6],
    [[armv7], 'arm', 'v6', null],
    [[amd64], 's390x', null, null],
    [[windows], 'amd64', null, null],
    [[], 'amd64', null, null],
  ]
  for (const [manifests, architecture, variant, expected] of table) {
    t.equal(choosePlatform(manifests, { os: 'linux', architecture, variant }), expected, `${architecture} ${variant}`)
  }
})
