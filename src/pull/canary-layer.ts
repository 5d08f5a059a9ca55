import { createCipheriv, createHash } from 'node:crypto'

/** A layer of the canary: one file of incompressible bytes. */
export interface CanaryLayer {
  /** The same seed and size give the same bytes. */
  seed: string
  /** Of the file. At most 8 GiB - 1, the largest that a tar header can say. */
  fileSize: number
  fileName: string
}

const BLOCK = 512
/** Two blocks of zeros end an archive. */
const END = 2 * BLOCK
/** What a socket takes before it asks its writer to wait: a piece of this size is always waited for. */
const PIECE = 64 * 1024

/** Bytes of the whole layer: header, file, padding, end. */
export function layerSize({ fileSize }: CanaryLayer): number {
  return BLOCK + fileSize + paddingOf(fileSize) + END
}

/**
 * The layer as an uncompressed tar archive, piece by piece, so that a layer of any size takes the memory of one. The
 * bytes of a piece are valid until the next one is asked for. The file is the key stream of AES-256 in counter mode:
 * it costs little to make twice, once for its digest and once to send, and no compression finds anything in it.
 */
export function* layerPieces({ seed, fileSize, fileName }: CanaryLayer): Generator<Uint8Array> {
  yield headerOf(fileName, fileSize)
  const cipher = createCipheriv('aes-256-ctr', createHash('sha256').update(seed).digest(), Buffer.alloc(16))
  const zeros = Buffer.alloc(PIECE)
  const piece = Buffer.alloc(PIECE)
  for (let left = fileSize; left > 0; left -= PIECE) {
    const length = Math.min(left, PIECE)
    const stream = cipher.update(zeros.subarray(0, length))
    stream.copy(piece)
    // Left to the collector, what the cipher returns adds some 60 MiB to the process before it is called.
    if (stream.buffer instanceof ArrayBuffer && stream.buffer.byteLength === length) stream.buffer.transfer(0)
    yield piece.subarray(0, length)
  }
  yield Buffer.alloc(paddingOf(fileSize) + END)
}

function paddingOf(fileSize: number): number {
  return (BLOCK - (fileSize % BLOCK)) % BLOCK
}

/** POSIX.1-1988's ustar: a regular file that anybody may read, of root, from the beginning of time. */
function headerOf(fileName: string, fileSize: number): Buffer {
  const header = Buffer.alloc(BLOCK)
  const octal = (value: number, offset: number, digits: number) =>
    header.write(`${value.toString(8).padStart(digits, '0')}\0`, offset)
  header.write(fileName, 0)
  octal(0o444, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  octal(fileSize, 124, 11)
  octal(0, 136, 11)
  header.write(' '.repeat(8), 148) // The sum counts its own place as spaces.
  header.write('0', 156)
  header.write('ustar\x0000', 257)
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return header
}
