import { get } from 'node:http'
import type { SpegelTraffic } from '../drift/probes.ts'

/** Of requests that were looked for at peers. */
export interface SpegelCounters {
  hits: number
  misses: number
  /** Answers to GET with content, whoever asked; null: not told. */
  given: number | null
}

/** What was counted between two readings. null: one of them is missing, or Spegel was started again meanwhile. */
export function countedBetween(before: SpegelCounters | null, after: SpegelCounters | null): SpegelCounters | null {
  if (before === null || after === null) return null
  const [hits, misses] = [after.hits - before.hits, after.misses - before.misses]
  if (hits < 0 || misses < 0) return null
  return { hits, misses, given: before.given === null || after.given === null ? null : after.given - before.given }
}

/** What Spegel counted until one moment, from one reading. */
export interface SpegelMetricsPage {
  counters(registry: string): SpegelCounters
  /** Of each registry that the page names, by name. */
  traffic(): SpegelTraffic[]
}

/** Milliseconds. */
const PATIENCE = 3_000
const LONGEST_PAGE = 4 * 1024 * 1024
/** A registry becomes a label of Spegel's when anybody asks for it. */
const MOST_REGISTRIES = 50

/** Reads Spegel's metrics; null: they cannot be read, or the page is not Spegel's. Never rejects. */
export async function readSpegelMetrics(url: string, ending?: AbortSignal): Promise<SpegelMetricsPage | null> {
  const page = await pageAt(url, ending)
  if (page === null || !/^(# \w+ )?(spegel|http_request)/m.test(page)) return null
  return {
    counters: (registry) => ({ ...requestsOf(page, registry), given: givenIn(page) }),
    traffic: () => {
      const registries = new Set(
        [...page.matchAll(/^spegel_\w+\{[^}]*registry="([^"]+)"/gm)].map(([, name = '']) => name),
      )
      return [...registries]
        .sort()
        .slice(0, MOST_REGISTRIES)
        .map((registry) => ({
          registry,
          ...requestsOf(page, registry),
          tags: gaugeOf(page, 'spegel_advertised_image_tags', registry),
          contents: gaugeOf(page, 'spegel_advertised_content_digests', registry),
        }))
    },
  }
}

/** A counter does not exist before its first event. */
function requestsOf(page: string, registry: string): { hits: number; misses: number } {
  const counts = { hits: 0, misses: 0 }
  for (const [labels, value] of samplesOf(page, 'spegel_mirror_requests_total', registry)) {
    if (labels.includes('cache="hit"')) counts.hits += value
    else counts.misses += value
  }
  return counts
}

/** Spegel 0.7: set for the registries of what it advertises; null: it is not told. */
function gaugeOf(page: string, name: string, registry: string): number | null {
  return samplesOf(page, name, registry)[0]?.[1] ?? null
}

function samplesOf(page: string, name: string, registry: string): [labels: string[], value: number][] {
  return [...page.matchAll(new RegExp(`^${name}\\{([^}]*)\\} ([0-9.e+]+)$`, 'gm'))]
    .map(([, labels = '', value]): [string[], number] => [labels.split(','), Number(value)])
    .filter(([labels]) => labels.includes(`registry="${registry}"`))
}

function givenIn(page: string): number | null {
  if (!/^# TYPE http_request_duration_seconds /m.test(page)) return null
  const counts = page.matchAll(/^http_request_duration_seconds_count\{([^}]*)\} ([0-9.e+]+)$/gm)
  const given = [...counts].filter(([, labels = '']) => {
    return /handler="\/v2\/\*"/.test(labels) && /method="GET"/.test(labels) && /code="2\d\d"/.test(labels)
  })
  return given.reduce((sum, [, , value]) => sum + Number(value), 0)
}

function pageAt(url: string, ending: AbortSignal | undefined): Promise<string | null> {
  const signal = AbortSignal.any([AbortSignal.timeout(PATIENCE), ...(ending === undefined ? [] : [ending])])
  return new Promise((resolve) => {
    const request = get(url, { agent: false, signal }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => {
        text += part
        if (text.length > LONGEST_PAGE) request.destroy()
      })
      response.on('end', () => resolve(response.statusCode === 200 ? text : null))
      response.on('error', () => resolve(null))
    })
    request.on('error', () => resolve(null))
    request.on('close', () => resolve(null))
  })
}
