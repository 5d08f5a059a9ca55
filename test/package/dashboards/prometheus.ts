import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** One series of an answer; an instant query has one value. */
export interface AnsweredSeries {
  metric: Readonly<Record<string, string>>
  values: number[]
}

interface RawSeries {
  metric: Record<string, string>
  value?: [number, string]
  values?: [number, string][]
}

interface Body {
  status: string
  error?: string
  data?: unknown
}

/** An alert that waits (`pending`) or fires. */
export interface RaisedAlert {
  state: 'pending' | 'firing'
  labels: Readonly<Record<string, string>>
  annotations: Readonly<Record<string, string>>
}

/** A Prometheus that is asked, whoever runs it. */
export interface AskedPrometheus {
  query(expr: string): Promise<AnsweredSeries[]>
  /** `start`, `end`: seconds since the epoch; a point each second. */
  queryRange(expr: string, start: number, end: number): Promise<AnsweredSeries[]>
  labelValues(label: string, selector: string, start: number, end: number): Promise<string[]>
  /** Of the rules that it has. */
  alerts(): Promise<RaisedAlert[]>
}

/** One on the loopback, with its data in a directory of the caller's. */
export interface Prometheus extends AskedPrometheus {
  stop(): Promise<void>
}

/** Sends a form, or GET where it is null; resolves with the body of the answer. */
export type SendForm = (url: string, form: URLSearchParams | null) => Promise<string>

/** `url`: without a path, `http://127.0.0.1:9090`. `send`: from wherever it can be reached. */
export function prometheusAt(url: string, send: SendForm = sendFromHere): AskedPrometheus {
  const ask = async (path: string, form: Record<string, string> | null): Promise<unknown> => {
    const answer = await send(`${url}/api/v1/${path}`, form && new URLSearchParams(form))
    const { status, error, data }: Body = JSON.parse(answer)
    if (status !== 'success') throw new Error(`${error}: ${JSON.stringify(form)}`)
    return data
  }
  return {
    async query(expr) {
      return seriesOf(await ask('query', { query: expr }))
    },
    async queryRange(expr, start, end) {
      return seriesOf(await ask('query_range', { query: expr, start: String(start), end: String(end), step: '1' }))
    },
    async labelValues(label, selector, start, end) {
      const range = new URLSearchParams({ 'match[]': selector, start: String(start), end: String(end) })
      return (await ask(`label/${label}/values?${range}`, null)) as string[]
    },
    async alerts() {
      return ((await ask('alerts', null)) as { alerts: RaisedAlert[] }).alerts
    },
  }
}

/**
 * Starts `program` from the PATH on a free port; resolves when it is ready.
 * Rejects with what it wrote if it ends instead, and with ENOENT where there is none.
 */
export async function startPrometheus(directory: string, config: string, program = 'prometheus'): Promise<Prometheus> {
  const configFile = join(directory, 'prometheus.yaml')
  writeFileSync(configFile, config)
  const child = spawn(
    program,
    [
      `--config.file=${configFile}`,
      `--storage.tsdb.path=${join(directory, 'prometheus')}`,
      '--web.listen-address=127.0.0.1:0',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const ended = once(child, 'exit')
  const url = await new Promise<string>((resolve, reject) => {
    let address = ''
    const said: string[] = []
    child.on('error', reject)
    const lines = createInterface({ input: child.stderr })
    lines.on('line', (line) => {
      said.push(line)
      address ||= /msg="Listening on".* address=(\S+)/.exec(line)?.[1] ?? ''
      if (line.includes('Server is ready')) resolve(`http://${address}`)
    })
    lines.on('close', () => reject(new Error(`prometheus ended:\n${said.join('\n')}`)))
  })
  return {
    ...prometheusAt(url),
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

async function sendFromHere(url: string, form: URLSearchParams | null): Promise<string> {
  const response = await fetch(url, form === null ? {} : { method: 'POST', body: form })
  return response.text()
}

function seriesOf(data: unknown): AnsweredSeries[] {
  return (data as { result: RawSeries[] }).result.map(({ metric, value, values }) => ({
    metric,
    values: (value === undefined ? (values ?? []) : [value]).map(([, number]) => Number(number)),
  }))
}
