/**
 * A registry that has nothing and keeps nothing, as a process of its own: it reads what is uploaded and forgets it.
 * Tells its parent the port over Node's channel, and ends with it.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'

const server = createServer((request, response) => {
  const { method = '', url = '' } = request
  request.resume().once('end', () => {
    if (method === 'HEAD') response.writeHead(404).end()
    else if (method === 'POST') response.writeHead(202, { location: `${url}1` }).end()
    else response.writeHead(201).end()
  })
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
process.send?.(typeof address === 'object' ? (address?.port ?? 0) : 0)
process.on('disconnect', () => process.exit())
