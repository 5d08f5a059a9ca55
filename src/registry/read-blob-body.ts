import { digester } from './digest.ts'
import type { HttpExchange } from './http-exchange.ts'
import type { BlobReading } from './registry-client.ts'

const PARTIAL_CONTENT = 206

/** Reads a blob to its end and holds it to its length and its digest. Nothing of it is kept. */
export async function readBlobBody(
  exchange: HttpExchange,
  digest: string,
  { range, size, onStart, onBytes }: BlobReading,
): Promise<{ length: number; digest: string }> {
  const part = exchange.status === PARTIAL_CONTENT ? (range ?? null) : null
  const due = (part === null ? size : partLength(part, size)) ?? null
  const wrongLength = (found: string) =>
    exchange.error('wrong-length', { detail: `${found} bytes instead of ${due}`, phase: 'transfer' })
  if (due !== null && exchange.length !== null && exchange.length !== due) {
    exchange.discard()
    throw wrongLength(`${exchange.length}`)
  }
  if (part !== null && startOf(exchange) !== part.first) {
    exchange.discard()
    throw exchange.error('wrong-length', { detail: 'another part of the blob', phase: 'transfer' })
  }
  onStart?.(exchange.length)
  const found = digester(digest)
  let length = 0
  await exchange.read((bytes) => {
    length += bytes.length
    if (due !== null && length > due) throw wrongLength('more')
    found.update(bytes)
    return onBytes?.(bytes)
  })
  if (due !== null && length !== due) throw wrongLength(`${length}`)
  const own = found.digest()
  if (part === null && own !== digest) throw exchange.error('digest-mismatch', { detail: own, phase: 'transfer' })
  return { length, digest: own }
}

/** Of a range of a blob; null: the blob's own length is not known, and may end it earlier. */
function partLength({ first, last }: { first: number; last: number }, size: number | undefined): number | null {
  return size === undefined ? null : Math.min(last, size - 1) - first + 1
}

function startOf({ headers }: HttpExchange): number {
  return Number(/^bytes (\d+)-/.exec(headers['content-range'] ?? '')?.[1])
}
