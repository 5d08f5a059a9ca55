import {
  contentIn,
  type ImageStore,
  parseDistributionRequest,
  sendContent,
  sendOciError,
} from './distribution-request.ts'
import { type LoopbackServer, listenOnLoopback } from './loopback-server.ts'

const COMPONENTS = ['core', 'database', 'jobservice', 'portal', 'redis', 'registry', 'registryctl']

/** A stand-in for Harbor over plain HTTP: anonymous pulls and the health endpoint. */
export function startHarborDouble(store: ImageStore): Promise<LoopbackServer> {
  return listenOnLoopback((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://harbor')
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return sendOciError(request, response, 405, { code: 'UNSUPPORTED', message: 'this stand-in only serves pulls' })
    }
    if (pathname === '/v2/') return void response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    if (pathname === '/api/v2.0/health') {
      const components = COMPONENTS.map((name) => ({ name, status: 'healthy' }))
      response.writeHead(200, { 'content-type': 'application/json' })
      return void response.end(JSON.stringify({ status: 'healthy', components }))
    }
    const asked = parseDistributionRequest(request)
    const content = asked === null ? null : contentIn(store, asked)
    if (content !== null) return sendContent(request, response, content)
    const code = asked?.kind === 'blobs' ? 'BLOB_UNKNOWN' : asked === null ? 'NOT_FOUND' : 'MANIFEST_UNKNOWN'
    sendOciError(request, response, 404, { code, message: `${asked?.reference ?? pathname} is not here` })
  })
}
