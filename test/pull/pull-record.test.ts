import t from 'tap'
import { PullRecord } from '../../src/pull/pull-record.ts'
import type { Exchange } from '../../src/registry/registry-client.ts'

function exchange(startedAt: number, more: Partial<Exchange> = {}): Exchange {
  const phases = { resolve: null, connect: 10, tls: null, sending: 1, processing: 4, transfer: 20, total: 35 }
  const asked = { purpose: 'registry', method: 'GET', origin: 'http://192.168.1.106', status: 200 } as const
  return { ...asked, startedAt, phases, bytes: 7, ...more }
}

t.test('a request of a call stands where it began, however long it was after the one before', async (t) => {
  const record = new PullRecord({ image: '192.168.1.106/library/app:v1', registry: '192.168.1.106' }, 'origin', 0)
  const now = performance.now()
  record.addExchanges('sha256:0', [exchange(now + 100), exchange(now + 500)])
  const { phases } = record.finish({ source: 'unknown', evidence: [] }, null)
  const [connect, processing, transfer, again] = phases.map(({ start }) => start)
  const after = (from = 0, to = 0) => Math.round((to - from) * 1_000_000) / 1_000
  t.same([after(connect, processing), after(processing, transfer), after(connect, again)], [10, 5, 400])
  t.ok((connect ?? 0) >= 0.1, 'seconds since the pull began')
  t.same(
    phases.map(({ name, bytes }) => [name, bytes]),
    [...Array(2)].flatMap(() => [
      ['connect', 0],
      ['processing', 0],
      ['transfer', 7],
    ]),
  )
})

t.test('each request says which endpoint it was of, and what is no content has no bytes', async (t) => {
  const record = new PullRecord({ image: '192.168.1.106/library/app:v1', registry: '192.168.1.106' }, 'path', 0)
  const now = performance.now()
  for (const [index, [more, bytes]] of (
    [
      [{ origin: 'http://192.168.1.98:30020', status: 404 }, 0],
      [{ origin: 'http://192.168.1.98:30021', status: null }, 0],
      [{ origin: 'http://192.168.1.106', status: 401 }, 0],
      [{ origin: 'https://realm.example', purpose: 'token' }, 0],
      [{ origin: 'http://192.168.1.106', status: 307 }, 0],
      [{ origin: 'https://store.example', status: 200 }, 7],
    ] as const
  ).entries()) {
    record.addExchanges(`sha256:${index}`, [exchange(now, more)])
    const { phases } = record.finish({ source: 'unknown', evidence: [] }, null)
    const its = phases.filter((it) => it.digest === `sha256:${index}`)
    t.same(
      its.map((it) => [it.name, it.endpoint, it.bytes]),
      [
        ['connect', more.origin, 0],
        ['processing', more.origin, 0],
        ['transfer', more.origin, bytes],
      ],
      `${more.origin}`,
    )
  }
})
