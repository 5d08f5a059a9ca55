import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { INTENT } from './run.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

function execute(
  typed: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: unknown; out: string; error: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...typed], { env: { ...process.env, ...env } }, (failure, out, error) => {
      resolve({ code: failure === null ? 0 : failure.code, out, error })
    })
  })
}

function start(typed: readonly string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, ...typed], { stdio: ['ignore', 'pipe', 'pipe'] })
}

t.test('the exit code and the streams are those of the command', async (t) => {
  t.match(await execute(['expect', ...INTENT, '--talos-version', '1.13.6']), { code: 0, error: '' })
  t.match(await execute(['chekc']), { code: 2, out: '', error: /^pullpath: .*\n$/ })
})

t.test('no colours in a pipe', async (t) => {
  const { out } = await execute(['check', '--intent-only', ...INTENT], { FORCE_COLOR: '1' })
  t.match(out, 'What Git declares')
  t.notMatch(out, String.fromCharCode(27))
})

t.test('a reader that leaves early is no error, and ends what would go on', async (t) => {
  const child = start(['demo', '--port', '0'])
  child.stdout?.destroy()
  let error = ''
  child.stderr?.on('data', (chunk) => {
    error += chunk
  })
  const [code] = await once(child, 'close')
  t.equal(error, '')
  t.equal(code, 0)
})

t.test('an output that cannot be written is one line, and no finding', async (t) => {
  const full = openSync('/dev/full', 'w')
  t.teardown(() => closeSync(full))
  const child = spawn(process.execPath, [MAIN, 'help'], { stdio: ['ignore', full, 'pipe'] })
  let error = ''
  child.stderr?.on('data', (chunk) => {
    error += chunk
  })
  const [code] = await once(child, 'close')
  t.match(error, /^pullpath: standard output cannot be written: .*no space left.*\n$/)
  t.equal(code, 2)
})

t.test('a port that is taken is said in one line', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const { code, error } = await execute(['demo', '--once', '--port', String(port)])
  t.equal(code, 2)
  t.match(error, /^pullpath: .*\[PP_PORT_IN_USE\]\n$/)
})

t.test('the agent serves until it is asked to stop', async (t) => {
  const root = t.testdir({
    hosts: {},
    'config.yaml': `node: { name: n, ip: 127.0.0.1 }
host: { root: ${t.testdirName} }
intent: { talos: { patches: [] }, spegel: { from: none } }
containerd: { hostsDir: /hosts }
http: { host: 127.0.0.1, port: 0 }
`,
  })
  const child = start(['agent', '--config', `${root}/config.yaml`])
  let log = ''
  for await (const chunk of child.stdout ?? []) {
    log += chunk
    if (/http:\/\/127\.0\.0\.1:[1-9]\d*/.test(log)) break
  }
  child.kill('SIGTERM')
  const [code] = await once(child, 'close')
  t.equal(code, 0)
})
