import { existsSync } from 'node:fs'
import t from 'tap'
import { SCENARIOS } from '../../src/commands/demo/scenarios.ts'
import { run } from './run.ts'

t.test('every incident appears and heals, and nothing stays behind', async (t) => {
  for (const [name, { steps }] of Object.entries(SCENARIOS)) {
    const { code, out, error } = await run(['demo', '--scenario', name, '--once', '--port', '0'])
    t.equal(code, 0, `${name}: ${error}${out}`)
    for (const { sign } of steps) {
      t.match(out, new RegExp(`pullpath_drift\\{.*reason="${sign.reason}".*\\} ${sign.present ? 1 : 0}`), name)
    }
    t.match(out, /\n {2}(run|then) +kubectl .*delete pod .*spegel/, `${name}: a command to run`)
    t.match(out, '\nHealed.\n', name)
    const directory = /A throw-away node in (\S+);/.exec(out)?.[1]
    t.ok(directory)
    t.notOk(existsSync(directory ?? '/'), 'the directory is removed')
  }
})

t.test('it serves until it is interrupted, and the lines it prints work', async (t) => {
  const ending = new AbortController()
  let out = ''
  const ended = run(['demo', '--port', '0'], {
    signal: ending.signal,
    write(text) {
      out += text
      if (text.includes('until Ctrl-C')) ending.abort()
    },
  })
  t.equal((await ended).code, 0)
  t.match(out, 'containerd does what Git declares.')
  t.match(out, /curl -s http:\/\/127\.0\.0\.1:\d+\/metrics/)
})
