import { fetchImageManifest } from '../../src/registry/image-manifest.ts'
import type { FailureCase } from './failure-case.ts'
import type { Fault } from './fault.ts'

const GIB = 1024 ** 3
const NOWHERE = `sha256:${'0'.repeat(64)}`
const PLATFORM = { os: 'linux', architecture: 'amd64', variant: null }

const manifest = (bytes: string, headers: Record<string, string> = {}): Fault => ({
  kind: 'status',
  status: 200,
  headers: { 'content-type': 'application/vnd.oci.image.manifest.v1+json', ...headers },
  body: bytes,
})
const image: FailureCase['act'] = (client) => fetchImageManifest(client, 'app', 'v1', { platform: PLATFORM })
const blobFault = (fault: Fault) => ({ 'GET /v2/app/blobs/': fault })
const served = (body: string, headers: Record<string, string> = {}): Fault => ({
  kind: 'status',
  status: 200,
  headers,
  body,
})

/** What a registry is refused for though it answers. */
export const ANSWER_FAILURES: readonly FailureCase[] = [
  ...([301, 302, 303, 307, 308] as const).map(
    (status): FailureCase => ({
      name: `a redirect by ${status} that is not wanted`,
      reason: 'redirected',
      error: { status, message: /to http:\/\/elsewhere\.test:5000/ },
      faults: {
        'GET /v2/app': { kind: 'status', status, headers: { location: 'http://elsewhere.test:5000/x?X-Sig=SECRET' } },
      },
      call: { followRedirects: false },
    }),
  ),
  {
    name: 'an upload that is redirected',
    reason: 'redirected',
    error: { status: 308 },
    faults: {
      'POST /v2/app/blobs/uploads/': { kind: 'status', status: 308, headers: { location: 'http://other.test/' } },
    },
    act: (client) => client.pushBlob('app', { digest: NOWHERE, size: 0, open: () => [] }),
  },
  {
    name: 'an upload that is to go to another host',
    reason: 'redirected',
    faults: {
      'POST /v2/app/blobs/uploads/': {
        kind: 'status',
        status: 202,
        headers: { location: 'http://other.test/?s=SECRET' },
      },
    },
    act: (client) => client.pushBlob('app', { digest: NOWHERE, size: 0, open: () => [] }),
  },
  {
    name: 'an upload without a place to go to',
    reason: 'upload-invalid',
    faults: { 'POST /v2/app/blobs/uploads/': { kind: 'status', status: 202 } },
    act: (client) => client.pushBlob('app', { digest: NOWHERE, size: 0, open: () => [] }),
  },
  {
    name: 'a redirect to itself',
    reason: 'redirect-loop',
    faults: { 'GET /v2/app': { kind: 'status', status: 307, headers: { location: '/v2/app/manifests/v1' } } },
  },
  {
    name: 'two redirects to each other',
    reason: 'redirect-loop',
    faults: {
      'GET /v2/app': { kind: 'status', status: 307, headers: { location: '/other?s=SECRET' } },
      'GET /other': { kind: 'status', status: 307, headers: { location: '/v2/app/manifests/v1' } },
    },
  },
  {
    name: 'redirects without an end',
    reason: 'redirect-limit',
    faults: {
      'GET /v2/app': { kind: 'status', status: 307, headers: { location: '/next/0' } },
      'GET /next': () => (times) => ({ kind: 'status', status: 307, headers: { location: `/next/${times + 1}` } }),
    },
  },
  ...['ftp://other.test/x', 'http://', 'javascript:alert(1)', null].map(
    (location): FailureCase => ({
      name: `a redirect to ${location}`,
      reason: 'redirect-invalid',
      faults: { 'GET /v2/app': { kind: 'status', status: 302, ...(location !== null && { headers: { location } }) } },
    }),
  ),
  {
    name: 'a manifest that is not there',
    reason: 'not-found',
    error: { status: 404, detailName: 'MANIFEST_UNKNOWN' },
    act: (client) => client.getManifest('app', 'v2'),
  },
  {
    name: 'a mirror whose 404 says nothing',
    reason: 'not-found',
    error: { status: 404, detailName: null },
    faults: { 'GET /v2/app': { kind: 'status', status: 404, body: 'not found: SECRET' } },
  },
  ...[300, 304, 400, 410, 429, 500, 502, 503].map(
    (status): FailureCase => ({
      name: `an answer of ${status}`,
      reason: 'status',
      error: { status, message: new RegExp(`status ${status}`) },
      faults: { 'GET /v2/app': { kind: 'status', status, ...(status !== 304 && { body: '{"error":"SECRET"}' }) } },
    }),
  ),
  {
    name: 'an error whose body is endless',
    reason: 'status',
    error: { status: 500 },
    faults: {
      'GET /v2/app': { kind: 'raw', bytes: `HTTP/1.1 500 x\r\n\r\n${'x'.repeat(1024 * 1024)}` },
    },
  },
  {
    name: 'a manifest of 1 GiB, as it says',
    reason: 'too-large',
    faults: { 'GET /v2/app': { kind: 'endless', length: GIB } },
  },
  {
    name: 'a manifest without an end',
    reason: 'too-large',
    faults: { 'GET /v2/app': { kind: 'endless' } },
  },
  {
    name: 'a head of an answer above 16 KiB',
    reason: 'too-large',
    error: { detailName: 'HPE_HEADER_OVERFLOW' },
    faults: { 'GET /v2/app': served('{}', { 'x-large': 'x'.repeat(20_000) }) },
  },
  {
    name: 'a manifest that ends before its length',
    reason: 'truncated',
    error: { phase: 'transfer', message: /after 20 bytes/ },
    faults: { 'GET /v2/app': { kind: 'close', after: 'half-body' } },
  },
  {
    name: 'a blob that ends before its length',
    reason: 'truncated',
    error: { phase: 'transfer' },
    faults: blobFault({ kind: 'close', after: 'half-body' }),
    act: (client, { blob }) => client.readBlob('app', blob),
  },
  {
    name: 'a body in chunks that ends within one',
    reason: 'truncated',
    faults: { 'GET /v2/app': { kind: 'raw', bytes: 'HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab' } },
  },
  {
    name: 'a body that goes on beyond its length',
    reason: 'wrong-length',
    faults: { 'GET /v2/app': { kind: 'raw', bytes: 'HTTP/1.1 200 x\r\nContent-Length: 2\r\n\r\n{}{}' } },
  },
  {
    name: 'a blob that says another length than its descriptor',
    reason: 'wrong-length',
    error: { message: /1000 bytes instead of 2000/ },
    act: (client, { blob }) => client.readBlob('app', blob, { size: 2000 }),
  },
  {
    name: 'a blob longer than its descriptor says, which does not say so',
    reason: 'wrong-length',
    faults: blobFault({ kind: 'endless' }),
    act: (client, { blob }) => client.readBlob('app', blob, { size: 1000 }),
  },
  {
    name: 'a blob shorter than its descriptor says, which does not say so',
    reason: 'wrong-length',
    faults: blobFault({ kind: 'raw', bytes: 'HTTP/1.1 200 x\r\n\r\n{}' }),
    act: (client, { blob }) => client.readBlob('app', blob, { size: 1000 }),
  },
  {
    name: 'another part of a blob than the one asked for',
    reason: 'wrong-length',
    faults: blobFault({
      kind: 'status',
      status: 206,
      headers: { 'content-range': 'bytes 0-9/1000' },
      body: '0123456789',
    }),
    act: (client, { blob }) => client.readBlob('app', blob, { range: { first: 10, last: 19 } }),
  },
  {
    name: 'a blob of other bytes',
    reason: 'digest-mismatch',
    faults: blobFault(served('other bytes')),
    act: (client, { blob }) => client.readBlob('app', blob),
  },
  {
    name: 'a part of a blob, where the whole was asked for',
    reason: 'digest-mismatch',
    faults: blobFault({ kind: 'status', status: 206, headers: { 'content-range': 'bytes 0-1/1000' }, body: '{}' }),
    act: (client, { blob }) => client.readBlob('app', blob),
  },
  {
    name: 'a manifest that has not the digest by which it was asked for',
    reason: 'digest-mismatch',
    faults: { 'GET /v2/app': manifest('{}') },
    act: (client) => client.getManifest('app', NOWHERE),
  },
  {
    name: 'a manifest that has not the digest that the registry says',
    reason: 'digest-mismatch',
    faults: { 'GET /v2/app': manifest('{}', { 'docker-content-digest': NOWHERE }) },
  },
  {
    name: 'a manifest that the registry stores as another',
    reason: 'digest-mismatch',
    faults: { 'PUT /v2/app': { kind: 'status', status: 201, headers: { 'docker-content-digest': NOWHERE } } },
    act: (client) => client.pushManifest('app', 'v1', { mediaType: 'x/y', bytes: Buffer.from('{}') }),
  },
  {
    name: 'a page instead of a manifest',
    reason: 'manifest-invalid',
    error: { message: /not JSON/ },
    faults: { 'GET /v2/app': manifest('<html>') },
    act: image,
  },
  {
    name: "a manifest of Docker's first kind",
    reason: 'manifest-invalid',
    error: { message: /media type/ },
    faults: {
      'GET /v2/app': manifest('{"schemaVersion":1}', {
        'content-type': 'application/vnd.docker.distribution.manifest.v1+prettyjws',
      }),
    },
    act: image,
  },
  {
    name: 'an index without the platform',
    reason: 'platform-missing',
    error: { message: /linux\/amd64/ },
    faults: {
      'GET /v2/app': manifest('{"manifests":[]}', { 'content-type': 'application/vnd.oci.image.index.v1+json' }),
    },
    act: image,
  },
]
