import t from 'tap'
import { KubeletEvents } from '../../src/pull/kubelet-events.ts'
import { PerMinute } from '../../src/pull/per-minute.ts'
import type { PulledEvent } from '../../src/pull/pulled-events.ts'

const POD = { namespace: 'shop', name: 'web-0', uid: 'uid-1', container: 'app' }
const END = Date.UTC(2026, 10, 25, 4, 0, 30)
const NAMES = new Set(['docker.io/library/app:v1', 'docker.io/library/app@sha256:x'])
const PULLED: PulledEvent = {
  message: 'Successfully pulled image "app:v1" in 2s (3s including waiting)',
  fieldPath: 'spec.containers{app}',
  at: END,
}
const { signal } = new AbortController()

function eventsOf(events: readonly PulledEvent[], { most = 10, failure = null as string | null } = {}) {
  let requests = 0
  const port = {
    of: async () => {
      requests += 1
      return { events, failure }
    },
  }
  const kubelet = new KubeletEvents(port, new PerMinute(most, () => 0), 0)
  return { about: () => kubelet.about(POD, NAMES, END, signal), requests: () => requests }
}

t.test('the event of the container, of the image and of the time is that of the pull', async (t) => {
  for (const [name, events, pull] of [
    ['one', [PULLED], 2],
    ['of an init container', [{ ...PULLED, fieldPath: 'spec.initContainers{app}' }], 2],
    ['the last of several', [{ ...PULLED, at: END - 9_000, message: PULLED.message.replace('2s', '1s') }, PULLED], 2],
    ['of another container', [{ ...PULLED, fieldPath: 'spec.containers{sidecar}' }], null],
    ['of another image', [{ ...PULLED, message: PULLED.message.replace('app:v1', 'other:v1') }], null],
    ['of what is no reference', [{ ...PULLED, message: PULLED.message.replace('app:v1', 'APP:v1') }], null],
    ['of long ago', [{ ...PULLED, at: END - 60_000 }], null],
    ['of no time', [{ ...PULLED, at: null }], null],
    ['already present', [{ ...PULLED, message: 'Container image "app:v1" already present on machine' }], null],
    ['a pod that is gone has none', [], null],
  ] as const) {
    const answer = await eventsOf(events).about()
    if (pull === null) t.match(answer, { kind: 'silent', why: /^there is no event/ }, name)
    else t.match(answer, { kind: 'said', message: { pull } }, name)
  }
})

t.test('the API server is asked once a pull, and for so many a minute', async (t) => {
  const { about, requests } = eventsOf([PULLED], { most: 3 })
  const answers = await Promise.all(Array.from({ length: 50 }, about))
  t.equal(requests(), 3)
  t.equal(answers.filter((it) => it.kind === 'said').length, 3)
  t.match(answers.at(-1), { kind: 'silent', why: /too many pulls/ })
})

t.test('why it did not answer is told', async (t) => {
  t.match(await eventsOf([], { failure: '403' }).about(), {
    kind: 'silent',
    why: 'the API server was asked for its event: 403',
  })
})

t.test('what may happen a minute comes back with time, and never adds up to more', async (t) => {
  let now = 0
  const bound = new PerMinute(6, () => now)
  t.ok(bound.take(6))
  t.notOk(bound.take())
  now = 10_000
  t.ok(bound.take())
  t.notOk(bound.take())
  now = 3_600_000
  t.notOk(bound.take(7))
  t.ok(bound.take(6))
})
