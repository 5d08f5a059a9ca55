import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'

/** What a Harbor does beside the registry that it stands before. */
export interface HarborFace {
  health: object
  /** Named to whoever asks for `/v2/`; null: nobody is challenged. */
  realm: string | null
  /** Instead of every blob; null: the registry's own answer. */
  blobStatus: number | null
  stop(): Promise<void>
}

/** A double of Harbor's own part at this address, before a real registry. */
export async function startHarborFace(address: string, port: number, registry: string): Promise<HarborFace> {
  const server = createServer((incoming, response) => {
    const { pathname } = new URL(incoming.url ?? '/', registry)
    if (pathname === '/api/v2.0/health') return answer(response, 200, face.health)
    if (pathname === '/service/token') return answer(response, 200, { token: 'anybody', expires_in: 1800 })
    if (pathname === '/v2/' && face.realm !== null) {
      response.setHeader('www-authenticate', `Bearer realm="${face.realm}",service="harbor-registry"`)
      return answer(response, 401, { errors: [{ code: 'UNAUTHORIZED' }] })
    }
    if (pathname.includes('/blobs/') && face.blobStatus !== null) {
      return answer(response, face.blobStatus, { errors: [{ code: 'UNKNOWN' }] })
    }
    forward(incoming, response, registry)
  })
  const face: HarborFace = {
    health: {},
    realm: null,
    blobStatus: null,
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  server.listen(port, address)
  await once(server, 'listening')
  return face
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

function forward({ method, url, headers }: IncomingMessage, response: ServerResponse, registry: string): void {
  const options = { method, headers, agent: false } as const
  const outgoing = request(new URL(url ?? '/', registry), options, (answered) => {
    response.writeHead(answered.statusCode ?? 502, answered.headers)
    answered.pipe(response)
  })
  outgoing.on('error', () => response.destroy())
  outgoing.end()
}
