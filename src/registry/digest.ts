import { createHash } from 'node:crypto'

/** The algorithms that the OCI image specification registers. */
const DIGEST = /^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$/

export function isDigest(text: string): boolean {
  return DIGEST.test(text)
}

export interface Digester {
  update(bytes: Uint8Array): Digester
  /** Ends it. */
  digest(): string
}

/** Makes a digest to compare with `wanted`: by its algorithm; sha256 where it names none. */
export function digester(wanted: string | null): Digester {
  const algorithm = wanted !== null && isDigest(wanted) && wanted.startsWith('sha512:') ? 'sha512' : 'sha256'
  const hash = createHash(algorithm)
  const digester: Digester = {
    update(bytes) {
      hash.update(bytes)
      return digester
    },
    digest: () => `${algorithm}:${hash.digest('hex')}`,
  }
  return digester
}
