/**
 * A registry of blobs as a process of its own: each is the same incompressible MiB again and again.
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

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const block = randomBytes(MIB)
  const sizes = process.argv.slice(2).map(Number)
  const blobs = new Map(sizes.map((size) => [digestOf(block, size), size]))
  const server = createServer((request, response) => {
    const size = blobs.get(request.url?.split('/').at(-1) ?? '')
    if (size === undefined) response.writeHead(404).end()
    else send(response, block, size)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  process.send?.({ port, digests: [...blobs.keys()] } satisfies BlobServerStarted)
  process.on('disconnect', () => process.exit())
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
