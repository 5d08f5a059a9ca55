import t from 'tap'
import { Followed } from '../../src/kube/followed.ts'
import { MemoryKube } from '../fixtures/memory-kube.ts'
import { PATHS, podObject } from '../fixtures/spegel-objects.ts'

t.test('objects that Pullpath fails to read are told and no answer, and the next ones are read', (t) => {
  const kube = new MemoryKube('2026-09-01T12:00:00.000Z')
  const fault = new TypeError('a fault')
  const faults: unknown[] = []
  let isBroken = true
  let news = 0
  const read = (objects: readonly unknown[]) => {
    if (isBroken) throw fault
    return objects.length
  }
  const followed = new Followed(
    kube,
    read,
    () => news++,
    (error) => faults.push(error),
  )
  followed.follow(PATHS.pods, {})
  t.same(faults, [fault])
  t.equal(news, 1, 'whoever waits for it hears that there is no answer')
  t.ok(followed.isHeard)
  t.match(followed.heard, { value: null, failure: /a fault of Pullpath itself/ })
  isBroken = false
  kube.put(PATHS.pods, podObject('spegel-x7k2p'))
  t.match(followed.heard, { value: 1, failure: null })
  t.equal(followed.failure, null)
  t.end()
})
