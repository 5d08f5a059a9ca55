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
    t.match(out, '\nHealed: nothing is found any more.\n', name)
    const directory = /A throw-away node in (\S+);/.exec(out)?.[1]
    t.ok(directory)
    t.notOk(existsSync(directory ?? '/'), 'the directory is removed')
  }
})

t.test('it serves until it is interrupted, and the lines it prints work', async (t) => {
  const ending = new AbortController()
  const served = Promise.withResolvers<string>()
  let out = ''
  const ended = run(['demo', '--port', '0'], {
    signal: ending.signal,
    write(text) {
      out += text
      if (text.includes('until Ctrl-C')) served.resolve(out)
    },
  })
  const text = await served.promise
  t.match(text, 'containerd does what Git declares.')
  const answers: [RegExp, number, RegExp][] = [
    [/curl -s (\S+\/metrics)/, 200, /^pullpath_mirror_effective\{registry="harbor\.test"\} 1$/m],
    [/curl -s '(\S+explain\?\S+)'/, 200, /"registry":"harbor\.test"/],
    [/curl -s (\S+\/findings)/, 200, /^\[\]\n$/],
    [/curl -i '(\S+hello\S+)'/, 200, /"schemaVersion":2/],
    [/curl -i '(\S+fresh\S+)'/, 404, /could not find peer/],
    [/Harbor:[\s\S]*fresh[\s\S]*curl -i '(\S+fresh\S+)'/, 200, /"schemaVersion":2/],
  ]
  for (const [line, status, body] of answers) {
    const url = line.exec(text)?.[1] ?? ''
    const response = await fetch(url)
    t.equal(response.status, status, url)
    t.match(await response.text(), body, url)
  }
  ending.abort()
  t.equal((await ended).code, 0)
})
