import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { RawAccessEntry } from './access-log.ts'
import type { Bridge } from './bridge.ts'
import type { CanaryImage } from './canary.ts'
import type { CanaryOrder } from './canary-process.ts'
import { ORIGIN } from './cluster.ts'
import { type Machine, type Program, startMachine } from './machine.ts'
import { orEnd } from './namespaces.ts'

/** The registry that everything comes from: Debian's `docker-registry`, over plain HTTP. */
export interface Origin {
  machine: Machine
  /** Makes an image of `layers` times `size` random bytes and pushes it. */
  push(image: Omit<CanaryOrder, 'registry'>): Promise<CanaryImage>
  /** All that it answered since its start, in the order in which it was asked. */
  rawLog(): Promise<RawAccessEntry[]>
  /** Ends the registry alone: its machine refuses connections from then on. */
  endRegistry(): Promise<void>
  stop(): Promise<void>
}

const MEGABITS = 100
const CONFIGURATION = '/run/registry.yaml'
const LOG = '/run/registry.log'
const LOOK_AGAIN_MS = 5

export async function startOrigin(bridge: Bridge): Promise<Origin> {
  const machine = await startMachine(bridge, { name: 'origin', address: ORIGIN, megabits: MEGABITS })
  const registry = await orEnd(machine, () => startRegistry(machine))
  return {
    machine,
    async push(image) {
      const file = join(import.meta.dirname, 'canary-process.ts')
      const order: CanaryOrder = { registry: ORIGIN, ...image }
      return JSON.parse(await machine.run(process.execPath, [file, JSON.stringify(order)]))
    },
    async rawLog() {
      // A request stands in the file before it is answered; what has begun is waited for.
      for (;;) {
        const { entries, underWay } = readLog(linesOf(machine))
        if (underWay === 0) return entries
        await delay(LOOK_AGAIN_MS)
      }
    },
    endRegistry: () => registry.stop(),
    stop: () => machine.stop(),
  }
}

/** Resolves when it listens. */
async function startRegistry(machine: Machine): Promise<Program> {
  writeFileSync(
    machine.outside(CONFIGURATION),
    // At the level of debug it says when a request begins, not only when it ends.
    `version: 0.1
log: { level: debug, formatter: json, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: /run/registry }, delete: { enabled: true } }
http: { addr: '${ORIGIN}:80' }
`,
  )
  const log = openSync(machine.outside(LOG), 'a')
  const program = machine.start('docker-registry', ['serve', CONFIGURATION], { log })
  closeSync(log)
  let hasEnded = false
  program.ended.then(() => {
    hasEnded = true
  })
  while (!linesOf(machine).some((it) => it.includes('listening on'))) {
    if (hasEnded) throw new Error(`docker-registry ended:\n${linesOf(machine).join('\n')}`)
    await delay(LOOK_AGAIN_MS)
  }
  return program
}

/** The last one is empty, or half written. */
function linesOf(machine: Machine): string[] {
  return readFileSync(machine.outside(LOG), 'utf8').split('\n')
}

/** docker-registry's log, a JSON document a line. */
function readLog(lines: readonly string[]): { entries: RawAccessEntry[]; underWay: number } {
  const begun = new Map<string, number>()
  const entries: RawAccessEntry[] = []
  for (const line of lines.slice(0, -1)) {
    const it: Record<string, string> = JSON.parse(line)
    const id = it['http.request.id'] ?? ''
    if (it.msg === 'authorizing request') begun.set(id, Date.parse(it.time ?? ''))
    if (!it.msg?.startsWith('response completed')) continue
    const at = begun.get(id) ?? Number.NaN
    begun.delete(id)
    const status = Number(it['http.response.status'])
    const method = it['http.request.method'] ?? ''
    entries.push({
      address: (it['http.request.remoteaddr'] ?? '').replace(/:\d+$/, ''),
      at,
      milliseconds: Date.parse(it.time ?? '') - at,
      method,
      path: (it['http.request.uri'] ?? '').split('?')[0] ?? '',
      status,
      // It counts the body of a HEAD, which is never sent.
      bytes: method === 'HEAD' ? 0 : Number(it['http.response.written']),
      source: status < 300 ? 'own' : null,
    })
  }
  return { entries: entries.sort((a, b) => a.at - b.at), underWay: begun.size }
}
