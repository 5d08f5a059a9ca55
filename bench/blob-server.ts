/**
 * A registry of blobs as a process of its own: each is the same incompressible MiB again and again, and the only content
 * of an artefact that has its digest, without the algorithm, as its tag.
 * Arguments: the sizes in MiB. Tells its parent the port and the digests over Node's channel, and ends with it.
 */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { pathToFileURL } from 'node:url'

export interface BlobServerStarted {
  port: number
  /** In the order of the arguments. */
  digests: string[]
}

const MIB = 1024 * 1024
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
const EMPTY = Buffer.from('{}')

interface Small {
  mediaType: string
  body: Buffer
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const block = randomBytes(MIB)
  const sizes = process.argv.slice(2).map(Number)
  const blobs = new Map(sizes.map((size) => [digestOf(block, size), size]))
  const small = new Map([...blobs].flatMap(([digest, size]) => artefactOf(digest, size * MIB)))
  const server = createServer((request, response) => {
    const name = request.url?.split('?')[0]?.split('/').at(-1) ?? ''
    const size = blobs.get(name)
    const its = small.get(name)
    if (its !== undefined) sendSmall(response, its)
    else if (size === undefined) response.writeHead(404).end()
    else send(response, block, size)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  process.send?.({ port, digests: [...blobs.keys()] } satisfies BlobServerStarted)
  process.on('disconnect', () => process.exit())
}

/** Its manifest, by its digest and its tag, and the config that every artefact has. */
function artefactOf(digest: string, size: number): [string, Small][] {
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: sha256(EMPTY), size: EMPTY.length }
  const layers = [{ mediaType: 'application/octet-stream', digest, size }]
  const value = { schemaVersion: 2, mediaType: MANIFEST, artifactType: 'application/octet-stream', config, layers }
  const manifest = { mediaType: MANIFEST, body: Buffer.from(JSON.stringify(value)) }
  return [
    [sha256(manifest.body), manifest],
    [digest.replace('sha256:', ''), manifest],
    [config.digest, { mediaType: config.mediaType, body: EMPTY }],
  ]
}

function sendSmall(response: ServerResponse, { mediaType, body }: Small): void {
  const headers = { 'content-type': mediaType, 'content-length': body.length, 'docker-content-digest': sha256(body) }
  response.writeHead(200, headers).end(response.req.method === 'HEAD' ? undefined : body)
}

function sha256(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

async function send(response: ServerResponse, block: Buffer, size: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size * MIB })
  for (let sent = 0; sent < size && !response.destroyed; sent++) {
    if (!response.write(block)) await drained(response)
  }
  response.end()
}

function digestOf(block: Buffer, size: number): string {
  const hash = createHash('sha256')
  for (let done = 0; done < size; done++) hash.update(block)
  return `sha256:${hash.digest('hex')}`
}

/** Or until nobody listens any more. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}
