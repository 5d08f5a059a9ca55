/**
 * The doubled API server, held to what a real one does; and a real one, where PULLPATH_APISERVER names it:
 * `PULLPATH_APISERVER=https://127.0.0.1:6443 PULLPATH_APISERVER_TOKEN=... PULLPATH_APISERVER_CA=FILE`.
 */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { ApiServer } from './api-server.ts'
import { conformance } from './conformance.ts'
import { ADMIN_TOKEN } from './rbac.ts'

for (const tls of [undefined, null]) {
  t.test(tls === null ? 'the double over HTTP' : 'the double over TLS', async (t) => {
    const server = await ApiServer.start(tls === undefined ? {} : { tls })
    t.teardown(() => server.stop())
    await conformance(t, { url: server.url, token: ADMIN_TOKEN, ca: server.ca })
  })
}

const { PULLPATH_APISERVER: url, PULLPATH_APISERVER_TOKEN: token = '', PULLPATH_APISERVER_CA: ca = '' } = process.env
t.test('a real one', { skip: url === undefined && 'PULLPATH_APISERVER names none' }, async (t) => {
  await conformance(t, { url: url ?? '', token, ca: readFileSync(ca, 'utf8') })
})
