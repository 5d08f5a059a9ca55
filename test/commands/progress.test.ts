import { mock } from 'node:test'
import t from 'tap'
import { withProgress } from '../../src/commands/progress.ts'

t.test('what a command waits for is said on a terminal after a second, and goes when it is over', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  for (const terminal of [true, false]) {
    const written: string[] = []
    const context = { terminal, write: (text: string) => void written.push(text) }
    const work = Promise.withResolvers<string>()
    let phase = 'manifest'
    const waiting = withProgress(context, () => `reads the ${phase}:`, work.promise)
    mock.timers.tick(999)
    t.strictSame(written, [], 'nothing in the first second')
    mock.timers.tick(1)
    phase = 'layer'
    mock.timers.tick(1000)
    work.resolve('done')
    t.equal(await waiting, 'done')
    mock.timers.tick(5000)
    const shown = ['\r\u001b[Kreads the manifest: 1 s', '\r\u001b[Kreads the layer: 2 s', '\r\u001b[K']
    t.strictSame(written, terminal ? shown : [], terminal ? 'on a terminal' : 'in a pipe')
  }
})

t.test('what fails fails, and leaves no line behind', async (t) => {
  mock.timers.enable({ apis: ['setInterval'] })
  t.teardown(() => mock.timers.reset())
  const written: string[] = []
  const context = { terminal: true, write: (text: string) => void written.push(text) }
  const work = Promise.withResolvers<never>()
  const waiting = withProgress(context, () => 'waits:', work.promise)
  mock.timers.tick(1000)
  work.reject(new Error('gone'))
  await t.rejects(waiting, { message: 'gone' })
  t.equal(written.at(-1), '\r\u001b[K')
})
