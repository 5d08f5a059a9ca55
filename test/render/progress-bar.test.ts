import fc from 'fast-check'
import t from 'tap'
import { progressBar } from '../../src/render/progress-bar.ts'

const MIB = 1024 * 1024
const half = { label: 'tag-3', done: 8 * MIB, total: 16 * MIB, rate: 11.25 * MIB, note: '2 there already' }

t.test('the bar is as long as there is room beside the words', async (t) => {
  const words = '8 MiB of 16 MiB  11.3 MiB/s  tag-3  2 there already'
  t.equal(progressBar(half, 120), `[${'='.repeat(15)}${' '.repeat(15)}]  ${words}`)
  t.equal(progressBar(half, words.length + 8), `[==  ]  ${words}`)
  t.equal(progressBar(half, words.length), words, 'no room for a bar')
  t.equal(progressBar(half, 10), words.slice(0, 10))
})

t.test('nothing to do, nothing done, and more than was announced', async (t) => {
  const bar = (done: number, total: number) =>
    /^\[(=*) *\]/.exec(progressBar({ ...half, done, total }, 120))?.[1]?.length
  t.equal(bar(0, 0), 30)
  t.equal(bar(0, 1), 0)
  t.equal(bar(3, 2), 30)
  t.notMatch(progressBar({ ...half, note: '' }, 120), / $/)
})

t.test('it never takes more columns than there are', async (t) => {
  const amount = fc.integer({ min: 0, max: 2 ** 45 })
  fc.assert(
    fc.property(amount, amount, amount, fc.integer({ min: 0, max: 200 }), (done, total, rate, width) => {
      t.ok(progressBar({ ...half, done, total, rate }, width).length <= width)
    }),
  )
})
