import { Agent, type IncomingMessage, request } from 'node:http'
import type { Asked } from './asked.ts'
import { rangeHeader } from './byte-range.ts'
import { BINARY, type Descriptor } from './own-content.ts'

/** What a peer answered: what it is, and the bytes to come. */
export interface Fetched {
  descriptor: Descriptor
  body: IncomingMessage
}

const AGENT = new Agent({ keepAlive: true, maxSockets: 100, maxFreeSockets: 100 })

/** Asks one peer for what it has itself. Rejects unless it answers with the content. */
export function fetchFromPeer(asked: Asked, host: string, port: number, signal: AbortSignal): Promise<Fetched> {
  return new Promise((resolve, reject) => {
    const { method, kind, registry, repository, reference, range } = asked
    const headers = {
      'user-agent': 'spegel',
      'x-spegel-mirrored': 'true',
      ...(range === null ? {} : { range: rangeHeader(range) }),
    }
    const path = `/v2/${repository}/${kind}/${reference}?ns=${registry}`
    request({ agent: AGENT, host, port, method, path, headers, signal }, (body) => {
      const descriptor = body.statusCode === 200 || body.statusCode === 206 ? descriptorOf(body, asked) : null
      if (descriptor !== null) return resolve({ descriptor, body })
      body.resume()
      reject(new Error(`${host} answered ${body.statusCode}`))
    })
      .on('error', reject)
      .end()
  })
}

function descriptorOf({ headers }: IncomingMessage, { isDigest, reference }: Asked): Descriptor | null {
  const digest = headers['docker-content-digest'] ?? (isDigest ? reference : undefined)
  const [, whole] = /\/([0-9]+)$/.exec(headers['content-range'] ?? '') ?? []
  const size = Number(whole ?? headers['content-length'])
  if (typeof digest !== 'string' || !Number.isSafeInteger(size)) return null
  return { digest, size, mediaType: headers['content-type'] ?? BINARY }
}
