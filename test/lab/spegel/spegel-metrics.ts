import { Counter, exponentialBuckets, Gauge, Histogram, Registry } from 'prom-client'

/** Spegel's own metrics, by its names and labels (0.7). */
export class SpegelMetrics {
  readonly registry = new Registry()
  readonly #mirrored = this.#add(
    new Counter({
      name: 'spegel_mirror_requests_total',
      help: 'Requests that were looked for at peers.',
      labelNames: ['registry', 'cache'],
      registers: [],
    }),
  )
  readonly #lastSuccess = this.#add(
    new Gauge({
      name: 'spegel_mirror_last_success_timestamp_seconds',
      help: 'When a peer last gave something.',
      registers: [],
    }),
  )
  readonly #resolved = this.#add(
    new Histogram({
      name: 'spegel_resolve_duration_seconds',
      help: 'How long it took to find each provider.',
      labelNames: ['router'],
      registers: [],
    }),
  )
  readonly #tags = this.#add(
    new Gauge({
      name: 'spegel_advertised_image_tags',
      help: 'Tags that are advertised.',
      labelNames: ['registry'],
      registers: [],
    }),
  )
  readonly #contents = this.#add(
    new Gauge({
      name: 'spegel_advertised_content_digests',
      help: 'Content that is advertised.',
      labelNames: ['registry'],
      registers: [],
    }),
  )
  readonly #durations = this.#add(
    new Histogram({
      name: 'http_request_duration_seconds',
      help: 'How long requests took.',
      labelNames: ['handler', 'method', 'code'],
      registers: [],
    }),
  )
  readonly #sizes = this.#add(
    new Histogram({
      name: 'http_response_size_bytes',
      help: 'Bytes of the bodies.',
      labelNames: ['handler', 'method', 'code'],
      buckets: exponentialBuckets(1024, 5, 10),
      registers: [],
    }),
  )
  readonly #inFlight = this.#add(
    new Gauge({
      name: 'http_requests_inflight',
      help: 'Requests under way.',
      labelNames: ['handler'],
      registers: [],
    }),
  )

  countMirrored(registry: string, cache: 'hit' | 'miss'): void {
    this.#mirrored.inc({ registry, cache })
    if (cache === 'hit') this.#lastSuccess.setToCurrentTime()
  }

  observeProviders(count: number, seconds: number): void {
    for (let i = 0; i < count; i += 1) this.#resolved.observe({ router: 'libp2p' }, seconds)
  }

  countAdvertised(keys: readonly { key: string; registry: string }[], step: 1 | -1): void {
    for (const { key, registry } of keys) {
      const gauge = key.includes('/') ? this.#tags : this.#contents
      gauge.inc({ registry }, step)
    }
  }

  begin(handler: string): void {
    this.#inFlight.inc({ handler })
  }

  end(handler: string, done: { method: string; code: number; seconds: number; bytes: number }): void {
    const labels = { handler, method: done.method, code: done.code }
    this.#inFlight.dec({ handler })
    this.#durations.observe(labels, done.seconds)
    this.#sizes.observe(labels, done.bytes)
  }

  #add<M extends Counter | Gauge | Histogram>(metric: M): M {
    this.registry.registerMetric(metric)
    return metric
  }
}
