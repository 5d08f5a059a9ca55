import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDaemon } from '../package/image/program.ts'

/** A `docker-registry` on loopback, with its blobs in a directory of its own. */
export interface RealRegistry {
  url: string
  /** What it has written so far: a line for each request. */
  output(): string
  stop(): Promise<void>
}

/** `settings`: further lines of its configuration; `files`: by name, `$DIRECTORY` stands for where they are. */
export async function startRealRegistry(
  scheme: 'http' | 'https',
  settings: string,
  files: Readonly<Record<string, string>> = {},
): Promise<RealRegistry> {
  const directory = mkdtempSync(join(tmpdir(), 'pullpath-registry-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  const config = join(directory, 'config.yaml')
  const http =
    scheme === 'http'
      ? "http: { addr: '127.0.0.1:0' }"
      : "http: { addr: '127.0.0.1:0', tls: { certificate: $DIRECTORY/tls.crt, key: $DIRECTORY/tls.key } }"
  const text = `version: 0.1
log: { level: info, formatter: text, accesslog: { disabled: false } }
storage: { filesystem: { rootdirectory: $DIRECTORY/data } }
${http}
${settings}
`
  writeFileSync(config, text.replaceAll('$DIRECTORY', directory))
  const daemon = startDaemon('docker-registry', ['serve', config])
  const listening = /listening on (127\.0\.0\.1:\d+)/
  await daemon.said('listening on 127.0.0.1:')
  return {
    url: `${scheme}://${listening.exec(daemon.output())?.[1]}/v2`,
    output: daemon.output,
    async stop() {
      await daemon.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
