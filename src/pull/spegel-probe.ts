import type { Config } from '../config/config.ts'
import type { SpegelHealth } from '../drift/probes.ts'
import { targetUrls } from '../drift/spegel-targets.ts'
import { PullpathError } from '../errors.ts'
import { bracketed } from '../format/ip-address.ts'
import type { Inputs } from '../watch/inputs.ts'
import type { ProbeLimits } from './endpoint-probe.ts'
import { plainGet } from './plain-get.ts'
import { readSpegelMetrics } from './spegel-metrics-page.ts'
import { metricsOfPod } from './spegel-ports.ts'

/** What a single question to Spegel gives. */
export type SpegelOutcome = Pick<SpegelHealth, 'url' | 'duration' | 'ready' | 'words' | 'registries'>

/**
 * Where this node's Spegel listens: `spegel.port`, or the first of its targets, which is its host port where it has
 * one. null: nothing says.
 */
export function spegelUrl({ spegel }: Config, { intent, node }: Pick<Inputs, 'intent' | 'node'>): string | null {
  if (spegel.port !== null) return `http://${bracketed(node.ip)}:${spegel.port}`
  return URL.parse(targetUrls(intent.spegel, node.ip)[0] ?? '')?.origin ?? null
}

/** Where its metrics are: `spegel.metrics`, or those of the pod that Kubernetes names. null: nothing says. */
export function spegelMetricsUrl({ spegel }: Config, { node }: Pick<Inputs, 'node'>): string | null {
  const pod = node.cluster?.pods.value?.find((it) => it.address !== null && !it.isTerminating)
  return spegel.metrics ?? (pod === undefined || pod.address === null ? null : metricsOfPod(pod.address))
}

/**
 * Asks Spegel whether it is ready: 200 if it knows a peer, else 500 (0.7: registry handler); and, where `metrics` are
 * known, what it counted and advertises. Never rejects.
 */
export async function probeSpegel(
  { url, metrics }: { url: string; metrics: string | null },
  { timeout, signal }: ProbeLimits,
): Promise<SpegelOutcome> {
  const page = metrics === null ? null : await readSpegelMetrics(metrics, signal)
  const registries = page?.traffic() ?? null
  const start = performance.now()
  const told = (ready: boolean | null, words: string): SpegelOutcome => {
    return { url, duration: (performance.now() - start) / 1000, ready, words, registries }
  }
  try {
    const { status } = await plainGet("Spegel's readiness", new URL(`${url}/readyz`), {
      signal,
      limits: { total: timeout },
    })
    if (status === 200) return told(true, '')
    if (status === 500) return told(false, 'it knows no peer')
    return told(null, `${url}/readyz answers with status ${status}: that is no Spegel`)
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
    return told(null, error.message)
  }
}
