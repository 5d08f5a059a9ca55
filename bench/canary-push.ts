/**
 * What it costs to make and push a canary over loopback: resident memory and time for layers of 512 MiB. Beside it in
 * the same run, in turns: `curl` uploading as many zeros, which makes and hashes nothing.
 */
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { CanaryPush } from '../src/pull/canary-push.ts'
import { openRegistryClient } from '../src/registry/http-registry-client.ts'
import { peakGrowth } from './peak-memory.ts'
import { percentile, verdict } from './statistics.ts'

const MIB = 1024 * 1024
const [SMALL, LARGE] = [1, 512]
const ROUNDS = 5
const MEMORY_GOAL_MIB = 24

const sink = fork(new URL('upload-sink.ts', import.meta.url))
try {
  const [port] = (await once(sink, 'message')) as [number]
  const url = `http://127.0.0.1:${port}/v2`
  const tls = { ca: [], client: null, verify: true }
  const client = openRegistryClient({ url, namespace: null, headers: {}, tls, credentials: null })
  /** Two images of that size, and one of a few KB. */
  const push = (size: number) => {
    const order = { repository: 'bench', size: size * MIB, layers: 1, tags: 1 }
    return new CanaryPush(client, order, new AbortController().signal).run()
  }

  await push(SMALL)
  const grown = await peakGrowth(() => push(LARGE))
  const isMet = grown < MEMORY_GOAL_MIB
  console.log(verdict(`${LARGE} MiB: ${grown.toFixed(1)} MiB more RSS at most, goal below ${MEMORY_GOAL_MIB}`, isMet))

  const ours: number[] = []
  const curl: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    ours.push((await seconds(() => push(LARGE))) / 2)
    curl.push(await seconds(() => withCurl(`${url}/bench/blobs/uploads/1`)))
  }
  console.log(row('canary push: made, hashed, made again, sent', ours))
  console.log(row('zeros | curl: sent', curl))
} finally {
  sink.disconnect()
}

function withCurl(url: string): void {
  const script =
    'head --bytes="$1" /dev/zero | curl --silent --show-error --fail --upload-file - --output /dev/null "$0"'
  execFileSync('sh', ['-c', script, url, `${LARGE * MIB}`])
}

async function seconds(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1000
}

function row(name: string, times: readonly number[]): string {
  const rate = (time: number) => `${(LARGE / time).toFixed(0).padStart(5)} MiB/s`
  return `${name.padEnd(44)} median ${rate(percentile(times, 50))}   best ${rate(Math.min(...times))}`
}
