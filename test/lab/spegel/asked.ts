import type { IncomingMessage } from 'node:http'
import { type ByteRange, readByteRange } from './byte-range.ts'

/** What a pull asks Spegel for. */
export interface Asked {
  method: 'GET' | 'HEAD'
  kind: 'manifests' | 'blobs'
  /** The registry of the image's reference: `?ns=`. */
  registry: string
  repository: string
  /** A tag, or a digest. */
  reference: string
  isDigest: boolean
  /** Of blobs only. */
  range: ByteRange | null
}

const REPOSITORY = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/
const DIGEST = /^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/

/** Reads a request below `/v2/`; null for what Spegel answers with an empty 404: also where `ns` is missing. */
export function readAsked({ method, url, headers }: IncomingMessage): Asked | null {
  if (method !== 'GET' && method !== 'HEAD') return null
  const { pathname, searchParams } = new URL(url ?? '/', 'http://spegel')
  const [, repository = '', kind, reference = ''] = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(pathname) ?? []
  const registry = searchParams.get('ns') ?? ''
  if (registry === '' || !REPOSITORY.test(repository) || (kind !== 'manifests' && kind !== 'blobs')) return null
  const isDigest = DIGEST.test(reference)
  if (!isDigest && (kind === 'blobs' || !TAG.test(reference))) return null
  const range = kind === 'blobs' ? readByteRange(headers.range) : null
  if (range === 'invalid') return null
  return { method, kind, registry, repository, reference, isDigest, range }
}

/** What is looked for at peers: the digest, or the whole name of a tag. */
export function identifierOf({ isDigest, registry, repository, reference }: Asked): string {
  return isDigest ? reference : `${registry}/${repository}:${reference}`
}
