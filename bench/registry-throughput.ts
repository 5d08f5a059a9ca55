/**
 * What it costs to read a blob from loopback with the registry client, its digest checked: resident memory on 2 GiB,
 * and time on 512 MiB. Beside it in the same run, in turns: `curl | sha256sum` on the same blob, and sha256 alone.
 */
import { execFileSync, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { openRegistryClient } from '../src/registry/http-registry-client.ts'
import type { BlobServerStarted } from './blob-server.ts'
import { peakGrowth } from './peak-memory.ts'
import { percentile, verdict } from './statistics.ts'

const [SMALL, MEDIUM, LARGE] = [1, 512, 2048]
const ROUNDS = 5
const MEMORY_GOAL_MIB = 24
const SPEED_GOAL = 1.5

const server = fork(new URL('blob-server.ts', import.meta.url), [SMALL, MEDIUM, LARGE].map(String))
try {
  const [{ port, digests }] = (await once(server, 'message')) as [BlobServerStarted]
  const [small = '', medium = '', large = ''] = digests
  const url = `http://127.0.0.1:${port}/v2`
  const tls = { ca: [], client: null, verify: true }
  const client = openRegistryClient({ url, namespace: null, headers: {}, tls, credentials: null })
  const read = (digest: string) => client.readBlob('bench', digest)

  await read(small)
  const grown = await peakGrowth(() => read(large))
  console.log(
    verdict(
      `${LARGE} MiB: ${grown.toFixed(1)} MiB more RSS at most, goal ${MEMORY_GOAL_MIB}`,
      grown <= MEMORY_GOAL_MIB,
    ),
  )

  const ours: number[] = []
  const curl: number[] = []
  const hash: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await seconds(() => read(medium)))
    curl.push(await seconds(() => withCurl(`${url}/bench/blobs/${medium}`, medium)))
    hash.push(await seconds(hashAlone))
  }
  console.log(row('registry client', ours))
  console.log(row('curl | sha256sum', curl))
  console.log(row('sha256 alone, in this process', hash))
  const ratio = percentile(curl, 50) / percentile(ours, 50)
  console.log(verdict(`${ratio.toFixed(2)} times as fast as curl, goal ${SPEED_GOAL}`, ratio >= SPEED_GOAL))
} finally {
  server.disconnect()
}

function withCurl(url: string, digest: string): void {
  const output = execFileSync('sh', ['-c', 'curl --silent --show-error --fail "$0" | sha256sum', url], {
    encoding: 'utf8',
  })
  if (`sha256:${output.split(' ')[0]}` !== digest) throw new Error('curl has read something else')
}

function hashAlone(): void {
  const piece = Buffer.alloc(64 * 1024, 1)
  const hash = createHash('sha256')
  for (let done = 0; done < MEDIUM * 16; done++) hash.update(piece)
  hash.digest()
}

async function seconds(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

function row(name: string, times: readonly number[]): string {
  const rate = (time: number) => `${(MEDIUM / time).toFixed(0).padStart(5)} MiB/s`
  return `${name.padEnd(32)} median ${rate(percentile(times, 50))}   best ${rate(Math.min(...times))}`
}
