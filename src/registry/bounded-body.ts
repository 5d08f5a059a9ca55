import type { HttpExchange } from './http-exchange.ts'

/** A manifest of the distribution specification may be refused by a registry above this. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024
export const MAX_TOKEN_BYTES = 1024 * 1024
const MAX_ERROR_BYTES = 64 * 1024

/** Reads a whole body; one that is larger than `limit`, or says so, is given up with `too-large`. */
export async function readWhole(exchange: HttpExchange, limit: number): Promise<Buffer> {
  const tooLarge = () => exchange.error('too-large', { detail: `more than ${limit} bytes`, phase: 'transfer' })
  if ((exchange.length ?? 0) > limit && exchange.method !== 'HEAD') {
    exchange.discard()
    throw tooLarge()
  }
  const pieces: Buffer[] = []
  let size = 0
  await exchange.read((bytes) => {
    size += bytes.length
    if (size > limit) throw tooLarge()
    pieces.push(Buffer.from(bytes))
  })
  return Buffer.concat(pieces)
}

/** What a registry says of an error. */
export interface ErrorBody {
  /** The specification's own name for it: `MANIFEST_UNKNOWN`; null: none. */
  code: string | null
  /** A web server's page that says that it wants TLS. */
  wantsTls: boolean
}

/** Reads the body of an answer that is an error. What it says beside its code is not kept. */
export async function readErrorBody(exchange: HttpExchange): Promise<ErrorBody> {
  let text = ''
  try {
    text = (await readWhole(exchange, MAX_ERROR_BYTES)).toString('latin1')
  } catch {
    // The status stands, whatever becomes of the words.
  }
  return { code: /"code"\s*:\s*"([A-Z][A-Z_]{0,63})"/.exec(text)?.[1] ?? null, wantsTls: WANTS_TLS.test(text) }
}

/** net/http, nginx, Apache. */
const WANTS_TLS = /HTTP request to an HTTPS server|HTTP request was sent to HTTPS port|SSL-enabled server port/
