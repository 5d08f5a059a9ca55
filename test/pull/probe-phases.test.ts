/** Each phase of a probe, against the log of the registry that it asked: two clocks of the same events. */
import t from 'tap'
import { probe } from '../../src/pull/probe-legs.ts'
import { openRegistryClient } from '../../src/registry/http-registry-client.ts'
import { startGatedRegistry } from '../daemon/gated-registry.ts'
import { makeImage } from '../daemon/image.ts'
import { subjectOf } from '../daemon/subject-of.ts'

const TAG = 'v1'
/** Milliseconds. The log, and when the pull started, are told in whole ones: either may be short of the truth by one. */
const CLOCK_STEP = 1

t.test('what each request took lies where the registry has it', async (t) => {
  const registry = await startGatedRegistry(null, '127.0.0.1')
  t.teardown(() => registry.stop())
  const name = `127.0.0.1:${registry.port}`
  const image = makeImage('library/pullpath-canary', { layers: 3, index: false, layerBytes: 100_000 })
  const subject = subjectOf(image, { registry: name, tag: TAG })
  await registry.begin(image, () => {})
  // A manifest is read as a whole; of a blob the rest is given when the agent has something of it.
  registry.release(image.manifests)
  const tls = { ca: [], client: null, verify: true }
  const client = openRegistryClient({ url: `http://${name}/v2`, namespace: null, headers: {}, tls, credentials: null })
  const origin = {
    role: 'origin',
    resolve: true,
    isAside: false,
    connectWithin: 5_000,
    client,
  } as const
  const pull = await probe('origin', subject, [origin], {
    timeout: 20_000,
    mirrors: { targets: 0, resolve: false, others: false, marksOwn: null },
    sight: null,
    store: null,
    onProgress: ({ digest, bytes }) => {
      if (bytes > 0) registry.release([digest])
    },
  })
  t.match(pull, { failure: null, source: 'first' })
  const log = await registry.log()
  t.equal(log.length, subject.objects.length + 1, 'each was asked for once')

  const startedAt = Date.parse(pull.startedAt)
  const inOrder = (what: string, earlier: number, later: number) => {
    t.ok(earlier <= later + CLOCK_STEP, `${what} (${(later - earlier).toFixed(1)} ms)`)
  }
  let before = startedAt
  for (const { digest, kind } of [{ digest: null, kind: 'resolve' }, ...subject.objects]) {
    const entry = log.find((it) => (digest === null ? it.method === 'HEAD' : it.object === digest))
    const phase = (name: string) => {
      const its = pull.phases.filter((it) => it.digest === digest && it.name === name)
      t.equal(its.length, 1, `${kind}: one ${name}`)
      const { start, duration } = its[0] ?? { start: Number.NaN, duration: Number.NaN }
      return { from: startedAt + start * 1000, to: startedAt + (start + duration) * 1000 }
    }
    const { askedAt, headAt, givenAt } = entry ?? { askedAt: Number.NaN, headAt: Number.NaN, givenAt: Number.NaN }
    const [connect, processing, transfer] = [phase('connect'), phase('processing'), phase('transfer')]
    inOrder(`${kind}: connects after what came before`, before, connect.from)
    inOrder(`${kind}: is connected before it is asked for`, connect.to, askedAt)
    inOrder(`${kind}: processing begins before it is asked for`, processing.from, askedAt)
    inOrder(`${kind}: processing ends when the head has been given`, headAt, processing.to)
    if (kind === 'config' || kind === 'layer') {
      inOrder(`${kind}: the transfer begins before the rest is given`, transfer.from, givenAt)
    }
    inOrder(`${kind}: the transfer ends when the last byte has been given`, givenAt, transfer.to)
    inOrder(`${kind}: ends within the pull`, transfer.to, startedAt + pull.duration * 1000)
    // Layers come at the same time; the others one after another.
    if (kind !== 'layer') before = transfer.to
  }
  const layers = log.filter(({ object }) => image.layers.includes(object))
  const firstGiven = Math.min(...layers.map((it) => it.givenAt))
  t.ok(
    layers.every(({ askedAt }) => askedAt <= firstGiven),
    'the layers come at the same time',
  )
})
