/**
 * How long `/metrics` takes under load, for an agent on a node of 20 registries. Beside it in the same run and under
 * the very same load: `/metrics` of Debian's prometheus-blackbox-exporter, where it is installed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { end, freePort, makeSite, startAgentProcess } from './agent-process.ts'
import { KeepAliveClient } from './keep-alive-client.ts'
import { percentile, timesRow, verdict } from './statistics.ts'

const REQUESTS = 2000
const WARM_UP = 200
const CONNECTIONS = 4
const GOAL_RATIO = 2
const EXPORTER = 'prometheus-blackbox-exporter'

interface Times {
  sequential: number[]
  concurrent: number[]
  bytes: number
}

const site = await makeSite()
const { child } = await startAgentProcess(site)
const exporter = await startExporter()
try {
  const own = await load(site.port)
  show('pullpath agent', own)
  if (exporter === null) {
    console.log(`${EXPORTER} was not found: nothing to compare with (apt-get install ${EXPORTER})`)
  } else {
    const other = await load(exporter.port)
    show(EXPORTER, other)
    compare('one after the other', own.sequential, other.sequential)
    compare(`${CONNECTIONS} at a time`, own.concurrent, other.concurrent)
  }
} finally {
  await end(child)
  if (exporter !== null) await end(exporter.child)
  site.close()
}

async function load(port: number): Promise<Times> {
  await requests(port, WARM_UP)
  const sequential = await requests(port, REQUESTS)
  const share = Array.from({ length: CONNECTIONS }, () => requests(port, REQUESTS / CONNECTIONS))
  const concurrent = (await Promise.all(share)).flat()
  const client = new KeepAliveClient(port)
  const bytes = (await client.get('/metrics')).body.length
  client.close()
  return { sequential, concurrent, bytes }
}

async function requests(port: number, count: number): Promise<number[]> {
  const client = new KeepAliveClient(port)
  const times: number[] = []
  for (let request = 0; request < count; request++) {
    const start = performance.now()
    const { status } = await client.get('/metrics')
    times.push(performance.now() - start)
    if (status !== 200) throw new Error(`/metrics answered ${status}`)
  }
  client.close()
  return times
}

async function startExporter(): Promise<{ child: ChildProcess; port: number } | null> {
  const port = await freePort()
  const flags = [`--web.listen-address=127.0.0.1:${port}`, '--config.file=/etc/prometheus/blackbox.yml']
  const started = spawn(EXPORTER, flags, { stdio: 'ignore' })
  const failed = new Promise<true>((resolve) => {
    started.on('error', () => resolve(true))
    started.on('exit', () => resolve(true))
  })
  const client = new KeepAliveClient(port)
  try {
    for (;;) {
      const isUp = client.get('/metrics').then(
        ({ status }) => status === 200,
        () => false,
      )
      const outcome = await Promise.race([failed.then(() => 'failed' as const), isUp])
      if (outcome === 'failed') return null
      if (outcome) return { child: started, port }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  } finally {
    client.close()
  }
}

function show(name: string, { sequential, concurrent, bytes }: Times): void {
  console.log(timesRow(`${name} (${bytes} bytes), sequential`, sequential))
  console.log(timesRow(`${name}, ${CONNECTIONS} at a time`, concurrent))
}

function compare(what: string, own: readonly number[], other: readonly number[]): void {
  const ratio = percentile(own, 99) / percentile(other, 99)
  console.log(verdict(`p99 ratio, ${what}: ${ratio.toFixed(2)}, goal at most ${GOAL_RATIO}`, ratio <= GOAL_RATIO))
}
