/**
 * The doubled API server as a process of its own, for nodes that reach it over a network: its argument is ApiServerOptions
 * in JSON. Prints its URL when it listens, and ends with its parent. Objects come over the API itself, orders by `/-/`.
 */
import { ApiServer } from './api-server.ts'

const server = await ApiServer.start(JSON.parse(process.argv[2] ?? '{}'))
console.log(server.url)
process.stdin.resume()
process.stdin.on('close', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
