import { mock } from 'node:test'
import { Ajv } from 'ajv'
import t, { type Test } from 'tap'
import { ProgressBars } from '../../src/commands/pull-progress.ts'
import type { Pull } from '../../src/drift/pull.ts'
import { SCHEMAS } from '../../src/server/schemas.ts'
import { CANARY, makeCanary, storeIn } from '../pull/stored-canary.ts'
import { RegistryDouble } from '../registry/registry-double.ts'
import { run } from './run.ts'

/** A node whose mirror and whose registry are doubles on loopback; the registry has an image. */
async function site(t: Test) {
  const [origin, mirror] = [await RegistryDouble.start(), await RegistryDouble.start()]
  t.teardown(() => Promise.all([origin.stop(), mirror.stop()]))
  const canary = makeCanary()
  storeIn(origin, canary)
  const image = `${new URL(origin.origin).host}/${CANARY.repository}:tag-0`
  const [host = '', port = ''] = new URL(origin.origin).host.split(':')
  const file = `server = '${origin.origin}'\n[host.'${mirror.origin}']\ncapabilities = ['pull', 'resolve']\ndial_timeout = '200ms'\n`
  const hosts = t.testdir({ hosts: { [`${host}_${port}_`]: { 'hosts.toml': file } } })
  const socket = `${hosts}/none.sock`
  const typed = ['measure', image, '--hosts-dir', `${hosts}/hosts`, '--socket', socket]
  const measure = (...more: string[]) => run([...typed, ...more], { width: 120 })
  return { origin, mirror, canary, typed, measure }
}

t.test('the path is measured, in words and as JSON that the interface promises', async (t) => {
  const { origin, mirror, measure } = await site(t)
  const { code, out, error } = await measure()
  t.same([code, error], [0, ''])
  t.match(out, /^path {2}127\.0\.0\.1:\d+\/library\/pullpath-canary:tag-0\n/)
  t.match(out, /PHASE +OBJECT +ENDPOINT +BEGINS AT +TAKES +BYTES +RATE/)
  t.match(out, new RegExp(`\\n  transfer +tag-0 +${mirror.origin} `), 'what the resolve was of')
  t.notMatch(out, new RegExp(`${mirror.origin} .*B/s`), 'its 404 is no throughput')
  t.match(out, new RegExp(`\n  transfer +[0-9a-f]{12} +${origin.origin} .* kB  .*B/s\n`))
  t.match(out, /answers: 4 of 4 objects were given by the origin/)
  const json = await measure('--via', 'origin', '--json')
  const ajv = new Ajv({ strict: false })
  for (const schema of SCHEMAS) ajv.addSchema(schema)
  t.ok(ajv.validate('Pull#', JSON.parse(json.out)), ajv.errorsText())
  const pull: Pull = JSON.parse(json.out)
  t.match(pull, { via: 'origin', source: 'first', failure: null })
  t.same([...new Set(pull.phases.map((it) => it.endpoint))], [origin.origin])
  t.ok(origin.received.length > 0)
})

t.test('of both legs the ratio is told, where the peer gave it', async (t) => {
  const { mirror, canary, measure } = await site(t)
  const without = await measure('--via', 'origin,peer')
  t.equal(without.code, 1, 'no peer has it')
  t.match(without.out, /no peer has it/)
  t.notMatch(without.out, /first to peer/)
  storeIn(mirror, canary)
  const both = JSON.parse((await measure('--via', 'origin,peer', '--json')).out)
  t.match(both, [
    { via: 'origin', source: 'first' },
    { via: 'peer', source: 'unknown', failure: null },
  ])
})

t.test('what fails is told, with the exit code of a failed measurement', async (t) => {
  const { origin, measure } = await site(t)
  origin.faults.set('GET /v2/library/pullpath-canary/blobs', { kind: 'status', status: 500 })
  const failed = await measure('--via', 'origin')
  t.equal(failed.code, 1)
  t.match(failed.out, /failed: status\n/)
  origin.faults.clear()
  const away = await measure('--via', 'containerd')
  t.equal(away.code, 1)
  t.match(away.out, /failed: daemon-away\n/)
  t.equal((await measure('--via', 'origin')).code, 0, 'the next one works')
})

t.test('hosts that cannot be seen are told to be the reason', async (t) => {
  const { typed } = await site(t)
  const elsewhere = typed.map((it) => (it.endsWith('/hosts') ? '/nowhere' : it))
  const { code, out } = await run(elsewhere, { width: 200 })
  t.equal(code, 1)
  t.match(out, /failed: no-endpoint\n.*\n.* its hosts cannot be seen: .*\/nowhere: no such file/)
})

t.test('one that is interrupted ends at once, and no other is begun', async (t) => {
  const { origin, mirror, typed } = await site(t)
  origin.faults.set('GET /v2/library/pullpath-canary/blobs', { kind: 'hang', after: 'request' })
  const ending = new AbortController()
  const measuring = run([...typed, '--via', 'origin,path,containerd', '--json'], { signal: ending.signal })
  while (!origin.received.some((it) => it.target.includes('/blobs/'))) await origin.nextRequest()
  ending.abort('SIGINT')
  const { code, out } = await measuring
  t.equal(code, 1)
  t.match(JSON.parse(out), [{ via: 'origin', failure: { reason: 'aborted' } }])
  t.equal(JSON.parse(out).length, 1)
  t.equal(mirror.received.length, 0)
})

t.test('wrong use is refused', async (t) => {
  for (const typed of [
    ['measure'],
    ['measure', 'a b'],
    ['measure', 'app:v1', '--via', 'somehow'],
    ['measure', 'a', '--x'],
  ]) {
    const { code, out, error } = await run(typed)
    t.same([code, out], [2, ''], typed.join(' '))
    t.match(error, /^pullpath: /)
  }
})

t.test('progress is drawn on a terminal alone, and taken away at the end', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  for (const terminal of [true, false]) {
    let written = ''
    const bars = new ProgressBars(
      {
        terminal,
        width: 100,
        write: (text) => {
          written += text
        },
      },
      'measuring',
    )
    const digest = `sha256:${'a'.repeat(64)}`
    bars.hear({ digest, phase: 'transfer', bytes: 500_000, total: 1_000_000 })
    mock.timers.tick(100)
    bars.hear({ digest, phase: 'transfer', bytes: 1_000_000, total: 1_000_000 })
    mock.timers.tick(100)
    bars.end()
    mock.timers.tick(1_000)
    if (!terminal) t.equal(written, '')
    else {
      t.match(written, /aaaaaaaaaaaa {2}transfer {2}\[#{12}\.{12}\] {2}500\.0 kB of 1\.00 MB/)
      t.match(written, /\[#{24}\] {2}1\.00 MB of 1\.00 MB {2}[\d.]+ .?B\/s/)
      t.ok(written.endsWith('\u001b[2A'), 'nothing of it stays')
    }
  }
})

t.test('what is drawn fits on the screen, so that it can be taken away', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  for (const width of [80, 60, 20]) {
    let written = ''
    const write = (text: string) => {
      written += text
    }
    const bars = new ProgressBars({ terminal: true, width, write }, `measuring ${'a'.repeat(100)}`)
    for (let layer = 0; layer < 40; layer++) {
      const digest = `sha256:${String(layer).padStart(64, '0')}`
      bars.hear({ digest, phase: 'transfer', bytes: 123_456_789, total: 987_654_321 })
    }
    const first = `sha256:${'0'.repeat(64)}`
    bars.hear({ digest: first, phase: 'transfer', bytes: 987_654_321, total: 987_654_321 })
    mock.timers.tick(100)
    const lines = written.split('\u001b[K\n').slice(0, -1)
    t.equal(lines.length, 13)
    t.ok(
      lines.every((it) => it.length < width),
      lines.join('\n'),
    )
    t.match(lines.at(-1), /^ {2}0{12} /, 'with what was heard of last')
    if (width === 80) t.match(lines.at(-1), /\[#+\] {2}987\.65 MB of 987\.65 MB/)
    bars.end()
    t.ok(written.endsWith('\u001b[13A'))
  }
})
