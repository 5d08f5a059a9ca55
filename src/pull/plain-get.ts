import { readWhole } from '../registry/bounded-body.ts'
import { HttpExchange } from '../registry/http-exchange.ts'
import { Operation } from '../registry/operation.ts'
import type { Call, Exchange } from '../registry/registry-client.ts'

export interface PlainAnswer {
  status: number
  text: string
  /** Where it redirects to, by scheme, host and port; null: it does not. */
  redirectsTo: string | null
  exchanges: readonly Exchange[]
}

const MAX_BYTES = 256 * 1024

/** One GET that follows nothing and brings nothing along. `title`: what is asked, as messages say it. Throws RegistryError. */
export function plainGet(title: string, url: URL, call: Call): Promise<PlainAnswer> {
  return Operation.run(title, call, async (operation) => {
    const exchange = await HttpExchange.open(operation, {
      purpose: 'registry',
      method: 'GET',
      url,
      headers: { 'User-Agent': 'pullpath', Accept: 'application/json, text/plain;q=0.5, */*;q=0.1' },
      body: null,
      tls: { secureContext: undefined, verify: true },
      lookup: null,
    })
    const { status, headers } = exchange
    const isRedirect = status >= 300 && status <= 399
    const text = (await readWhole(exchange, MAX_BYTES)).toString('utf8')
    const redirectsTo = isRedirect ? (URL.parse(headers.location ?? '', url)?.origin ?? null) : null
    return { status, text, redirectsTo, exchanges: operation.exchanges }
  })
}
