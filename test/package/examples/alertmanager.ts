import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startDaemon } from '../image/program.ts'

/** What Alertmanager shows of an alert that it was sent. */
export interface ShownAlert {
  labels: Readonly<Record<string, string>>
  receivers: { name: string }[]
  status: { state: 'unprocessed' | 'active' | 'suppressed' }
}

/** A real Alertmanager on the loopback, alone. */
export interface Alertmanager {
  /** Alerts that fire from now on, by their labels. */
  send(alerts: readonly Record<string, string>[]): Promise<void>
  alerts(): Promise<ShownAlert[]>
  stop(): Promise<void>
}

/** Starts `prometheus-alertmanager` from the PATH on a free port; resolves when it listens, rejects if it ends instead. */
export async function startAlertmanager(directory: string, config: string): Promise<Alertmanager> {
  const configFile = join(directory, 'alertmanager.yaml')
  writeFileSync(configFile, config)
  const daemon = startDaemon('prometheus-alertmanager', [
    `--config.file=${configFile}`,
    `--storage.path=${join(directory, 'alertmanager')}`,
    '--web.listen-address=127.0.0.1:0',
    '--cluster.listen-address=',
  ])
  await daemon.said('TLS is disabled')
  const [, address] = /address=(127\.0\.0\.1:\d+)/.exec(daemon.output()) ?? []
  const ask = async (init: RequestInit) => {
    const response = await fetch(`http://${address}/api/v2/alerts`, init)
    if (!response.ok) throw new Error(await response.text())
    return response
  }
  return {
    async send(alerts) {
      const body = JSON.stringify(alerts.map((labels) => ({ labels })))
      await ask({ method: 'POST', headers: { 'content-type': 'application/json' }, body })
    },
    async alerts() {
      return (await (await ask({})).json()) as ShownAlert[]
    },
    stop: () => daemon.stop(),
  }
}
