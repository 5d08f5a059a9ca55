import type { HarborHealth } from '../drift/probes.ts'
import { PullpathError } from '../errors.ts'
import type { ProbeLimits } from './endpoint-probe.ts'
import { plainGet } from './plain-get.ts'

/** Harbor 2 has ten at most; each becomes a series. */
const MAX_COMPONENTS = 32
const NAME = /^[a-z][a-z0-9_-]{0,62}$/

/** What a single question to Harbor gives. */
export type HarborOutcome = Pick<HarborHealth, 'url' | 'duration' | 'components' | 'words'>

/** Asks Harbor how it is (API 2.0: `GET /health`). Never rejects. */
export async function probeHarbor(url: string, { timeout, signal }: ProbeLimits): Promise<HarborOutcome> {
  const start = performance.now()
  const told = (components: HarborHealth['components'], words: string): HarborOutcome => {
    return { url, duration: (performance.now() - start) / 1000, components, words }
  }
  try {
    const asked = new URL(`${url.replace(/\/+$/, '')}/api/v2.0/health`)
    const { status, text, redirectsTo } = await plainGet("Harbor's health", asked, {
      signal,
      limits: { total: timeout },
    })
    if (redirectsTo !== null) return told([], `${asked.origin} redirects to ${redirectsTo}`)
    if (status === 404) return told([], `${asked.origin} is no Harbor: it has no /api/v2.0/health`)
    if (status !== 200) return told([], `${asked.origin} answers with status ${status} when it is asked for its health`)
    const components = componentsIn(text)
    return components === null
      ? told([], `${asked.origin} answers with what is no health of Harbor`)
      : told(components, '')
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
    return told([], error.message)
  }
}

function componentsIn(text: string): HarborHealth['components'] | null {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    return null
  }
  const listed: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'components') : null
  if (!Array.isArray(listed)) return null
  const known = new Map<string, HarborHealth['components'][number]>()
  for (const it of listed.slice(0, MAX_COMPONENTS)) {
    if (typeof it !== 'object' || it === null) continue
    const { name, status, error } = it
    if (typeof name !== 'string' || !NAME.test(name)) continue
    const words = typeof error === 'string' && error !== '' ? error.slice(0, 200) : String(status).slice(0, 40)
    known.set(name, { name, healthy: status === 'healthy', words })
  }
  return known.size === 0 ? null : [...known.values()]
}
