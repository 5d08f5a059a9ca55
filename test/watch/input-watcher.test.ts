import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { WatchedPart } from '../../src/watch/input-watcher.ts'
import { TreeReader } from '../../src/watch/read-tree.ts'
import { Told, watchParts } from './watched-node.ts'

/** A part without a directory to watch: only a rescan finds that it changed. */
function silentPart(name: string, read: () => unknown) {
  const accepted = new Told<unknown>()
  const part: WatchedPart = {
    name,
    read: () => ({ value: read(), directories: [] }),
    isSame: (a, b) => a === b,
    accept: (value) => accepted.push(value),
  }
  return { part, accepted }
}

t.test('what no event told of is found by the rescan', async (t) => {
  let value = 'before'
  const { part, accepted } = silentPart('a', () => value)
  watchParts(t, [part], { rescan: 5 })
  t.equal(await accepted.next(() => true), 'before')
  value = 'after'
  t.equal(await accepted.next(() => true), 'after')
})

t.test('a write past inotify on a real tree is found by the rescan', async (t) => {
  const root = t.testdir({ hosts: { a: { 'hosts.toml': '# one' } } })
  const reader = new TreeReader(root, '/hosts')
  const { part, accepted } = silentPart('hosts', () => reader.read().tree)
  watchParts(t, [part], { rescan: 5 })
  const first = await accepted.next(() => true)
  writeFileSync(join(root, 'hosts/a/hosts.toml'), '# two')
  t.not(await accepted.next(() => true), first)
})

t.test('a state that one reading saw between two writes is never told', async (t) => {
  const truncated = ['']
  let writing = false
  const { part, accepted } = silentPart('a', () => (writing ? (truncated.pop() ?? 'new') : 'old'))
  watchParts(t, [part], { rescan: 5 })
  t.equal(await accepted.next(() => true), 'old')
  writing = true
  t.equal(await accepted.next(() => true), 'new')
  t.equal(truncated.length, 0, 'the state between was read')
})

t.test('a first change waits for all parts, later ones tell their own names', async (t) => {
  let restless = 0
  let isRestless = true
  let slowReads = 0
  const slow = silentPart('slow', () => {
    slowReads += 1
    return isRestless ? restless++ : 'calm'
  })
  let value = 1
  const quick = silentPart('quick', () => value)
  const { changes } = watchParts(t, [quick.part, slow.part], { rescan: 5 })
  await quick.accepted.next(() => true)
  t.ok(slowReads > 0)
  t.equal(changes.length, 0, 'nothing is told while a part has no first value')
  isRestless = false
  t.same(await changes.next(() => true), ['quick', 'slow'])
  value = 2
  t.same(await changes.next(() => true), ['quick'])
})

t.test('a directory that cannot be watched is left to the rescan', async (t) => {
  let value = 1
  const { part, accepted } = silentPart('a', () => value)
  const missing = { ...part, read: () => ({ ...part.read(), directories: ['/nowhere/at/all', ''] }) }
  watchParts(t, [missing], { rescan: 5 })
  await accepted.next(() => true)
  value = 2
  t.equal(await accepted.next(() => true), 2)
})

t.test('nothing is read or told after stop', async (t) => {
  let reads = 0
  const { part, accepted } = silentPart('a', () => {
    reads += 1
    return 1
  })
  const { watcher } = watchParts(t, [part], { rescan: 1 })
  await accepted.next(() => true)
  watcher.stop()
  const before = reads
  const other = silentPart('b', () => reads)
  const { readings } = watchParts(t, [other.part], { rescan: 2 })
  for (let count = 0; count < 5; count++) await readings.next(() => true)
  t.equal(reads, before)
})
