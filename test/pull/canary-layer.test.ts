import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { type CanaryLayer, layerPieces, layerSize } from '../../src/pull/canary-layer.ts'

const layer = (fileSize: number, seed = 'seed'): CanaryLayer => ({ seed, fileSize, fileName: 'canary-0' })

/** As a sender takes them: done with each piece before the next one is asked for. */
function taken(it: CanaryLayer): Buffer {
  const taken: Buffer[] = []
  for (const piece of layerPieces(it)) taken.push(Buffer.from(piece))
  return Buffer.concat(taken)
}

t.test('the archive is one that tar reads, with one file of the size that was wanted', async (t) => {
  for (const size of [1, 511, 512, 513, 65_536, 300_000]) {
    const listed = execFileSync('tar', ['--list', '--verbose', '--utc', '--numeric-owner', '--file=-'], {
      input: taken(layer(size)),
      encoding: 'utf8',
    })
    t.match(listed, new RegExp(`^-r--r--r-- 0/0 +${size} 1970-01-01 00:00 canary-0\n$`))
    const file = execFileSync('tar', ['--extract', '--to-stdout', '--file=-'], { input: taken(layer(size)) })
    t.equal(file.length, size)
  }
})

t.test('its size is known before it is made', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300_000 }), (size) => {
      const { length } = taken(layer(size))
      t.equal(length, layerSize(layer(size)))
      t.equal(length % 512, 0)
    }),
    { numRuns: 50 },
  )
})

t.test('the same seed gives the same bytes, and another one others', async (t) => {
  const digest = (seed: string) => {
    const file = taken(layer(200_000, seed)).subarray(512, 512 + 200_000)
    return createHash('sha256').update(file).digest('hex')
  }
  t.equal(digest('a'), digest('a'))
  t.not(digest('a'), digest('b'))
  // What is at registries is found again only while this stays. As openssl has it: head -c 200000 /dev/zero |
  // openssl enc -aes-256-ctr -K $(printf a | sha256sum | cut -d' ' -f1) -iv $(printf %032d 0) | sha256sum
  t.equal(digest('a'), '112384a9b91836326ecb0fc1be0b2faa589ec8f8892000f9683e850d71d1a81e')
})

t.test('gzip makes nothing smaller by a hundredth, from the smallest layer on that can be asked for', async (t) => {
  const bytes = taken(layer(256 * 1024))
  t.ok(gzipSync(bytes, { level: 9 }).length >= bytes.length * 0.99)
})

t.test('no part of the file comes again', async (t) => {
  const file = taken(layer(4 * 1024 * 1024)).subarray(512, -1024)
  const blocks = new Set<string>()
  for (let at = 0; at < file.length; at += 4096) blocks.add(file.toString('latin1', at, at + 4096))
  t.equal(blocks.size, file.length / 4096)
})

t.test('all of a large file goes through the memory of one piece', async (t) => {
  const memories = new Set<ArrayBufferLike>()
  let pieces = 0
  for (const piece of layerPieces(layer(8 * 1024 * 1024))) {
    memories.add(piece.buffer)
    pieces += 1
  }
  t.equal(pieces, 130)
  t.equal(memories.size, 3, 'the header, the pieces of the file, the end')
})
