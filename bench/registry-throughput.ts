/**
 * What it costs to read a blob from loopback with the registry client, its digest checked: resident memory on 2 GiB,
 * and time on 512 MiB. Beside it in the same run, in turns: `curl | sha256sum` on the same blob, sha256 alone, and a
 * real containerd that fetches the blob into its content store, in memory where the machine has `/dev/shm`. That needs
 * root and what `.ci/tools` unpacks; where they are missing the rest is measured alone.
 */
import { execFileSync, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { openRegistryClient } from '../src/registry/http-registry-client.ts'
import { missingTools } from '../test/daemon/tools.ts'
import type { BlobServerStarted } from './blob-server.ts'
import { peakGrowth } from './peak-memory.ts'
import { type Fetching, type PlainContainerd, startPlainContainerd } from './plain-containerd.ts'
import { percentile, verdict } from './statistics.ts'

const [SMALL, MEDIUM, LARGE] = [1, 512, 2048]
const ROUNDS = 7
const MEMORY_GOAL_MIB = 24
const CURL_GOAL = 1.5
const CONTAINERD_GOAL = 0.8

const server = fork(new URL('blob-server.ts', import.meta.url), [SMALL, MEDIUM, LARGE].map(String))
const missing = missingTools()
const containerd = missing === null ? await startPlainContainerd() : null
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
  const fetched: Record<Fetching, number[]> = { daemon: [], client: [] }
  const empty: Record<Fetching, number[]> = { daemon: [], client: [] }
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(await seconds(() => read(medium)))
    curl.push(await seconds(() => withCurl(`${url}/bench/blobs/${medium}`, medium)))
    hash.push(await seconds(hashAlone))
    if (containerd === null) continue
    for (const by of ['daemon', 'client'] as const) {
      empty[by].push(await fetchOnce(containerd, by, artefact(port, small)))
      fetched[by].push(await fetchOnce(containerd, by, artefact(port, medium)))
    }
  }
  console.log(row('registry client', ours))
  console.log(row('curl | sha256sum', curl))
  console.log(row('sha256 alone, in this process', hash))
  const ratio = percentile(curl, 50) / percentile(ours, 50)
  console.log(verdict(`${ratio.toFixed(2)} times as fast as curl, goal ${CURL_GOAL}`, ratio >= CURL_GOAL))
  if (containerd === null) console.log(`containerd is not measured: ${missing}`)
  else {
    console.log(`containerd ${containerd.version}, which keeps the blob: its store is in ${containerd.store}`)
    compare("the daemon's own fetch", ours, { fetched: fetched.daemon, empty: empty.daemon })
    compare('ctr content fetch', ours, { fetched: fetched.client, empty: empty.client })
  }
} finally {
  server.disconnect()
  await containerd?.stop()
}

/** What ctr takes for a blob of 1 MiB is taken off: its start, and the requests before the blob. */
function compare(
  name: string,
  ours: readonly number[],
  { fetched, empty }: { fetched: readonly number[]; empty: readonly number[] },
): void {
  const overhead = percentile(empty, 50)
  const net = fetched.map((it) => it - overhead)
  const less = `   less ${(overhead * 1000).toFixed(0)} ms, which it takes for ${SMALL} MiB`
  console.log(row(name, net, MEDIUM - SMALL) + less)
  const ratio = percentile(net, 50) / (MEDIUM - SMALL) / (percentile(ours, 50) / MEDIUM)
  console.log(
    verdict(`${ratio.toFixed(2)} times as fast as ${name}, goal ${CONTAINERD_GOAL}`, ratio >= CONTAINERD_GOAL),
  )
}

function artefact(port: number, digest: string): string {
  return `127.0.0.1:${port}/bench:${digest.replace('sha256:', '')}`
}

async function fetchOnce(containerd: PlainContainerd, by: Fetching, image: string): Promise<number> {
  const took = await seconds(() => containerd.fetch(by, image))
  containerd.remove(image)
  return took
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

function row(name: string, times: readonly number[], size = MEDIUM): string {
  const rate = (hundredths: number) => (size / percentile(times, hundredths)).toFixed(0).padStart(5)
  return `${name.padEnd(32)} median ${rate(50)} MiB/s   best ${rate(0)}   worst ${rate(100)}`
}
