import t from 'tap'
import { canarySize, makeCanaryImage } from '../../src/pull/canary-image.ts'

const MIB = 1024 * 1024
const recipe = { repository: 'library/canary', tag: 'tag-0', size: MIB, layers: 3 }
const never = new AbortController().signal

t.test('the size of its layers is known before they are made, and none of it is lost in their number', async (t) => {
  const { layers } = await makeCanaryImage(recipe, never)
  t.equal(
    layers.reduce((sum, it) => sum + it.size, 0),
    canarySize(recipe),
  )
  const files = layers.map((it) => fileOf(it.open() as Iterable<Uint8Array>))
  t.equal(
    files.reduce((sum, it) => sum + it.size, 0),
    recipe.size,
  )
  t.equal(new Set(files.map((it) => it.start)).size, 3, 'each layer has other bytes')
})

t.test('the same recipe makes the same image', async (t) => {
  const [one, two] = [await makeCanaryImage(recipe, never), await makeCanaryImage(recipe, never)]
  t.equal(one.manifest.digest, two.manifest.digest)
  t.equal(one.config.digest, two.config.digest)
})

t.test('a large layer lets other things be done while it is made, and is given up when they say so', async (t) => {
  const ending = new AbortController()
  setImmediate(() => ending.abort(new Error('enough')))
  await t.rejects(makeCanaryImage({ ...recipe, size: 64 * MIB }, ending.signal), { message: 'enough' })
})

/** The size that the header of a tar archive says, and the first bytes of the file. */
function fileOf(pieces: Iterable<Uint8Array>): { size: number; start: string } {
  const [header = Buffer.alloc(0), start = Buffer.alloc(0)] = Array.from(pieces, (it) => Buffer.from(it))
  return { size: Number.parseInt(header.toString('latin1', 124, 135), 8), start: start.toString('hex', 0, 64) }
}
