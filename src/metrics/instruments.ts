import Counter from 'prom-client/lib/counter.js'
import Gauge from 'prom-client/lib/gauge.js'
import Histogram from 'prom-client/lib/histogram.js'
import Registry from 'prom-client/lib/registry.js'
import type { MetricEntry } from './catalogue.ts'

export { Registry }

/** Registers a gauge of the catalogue. */
export function gauge(entry: MetricEntry, registry: Registry): Gauge {
  return new Gauge({ name: entry.name, help: entry.help, labelNames: entry.labels, registers: [registry] })
}

/** Registers a counter of the catalogue. */
export function counter(entry: MetricEntry, registry: Registry): Counter {
  return new Counter({ name: entry.name, help: entry.help, labelNames: entry.labels, registers: [registry] })
}

/** Registers a histogram of the catalogue. */
export function histogram(entry: MetricEntry, registry: Registry): Histogram {
  return new Histogram({
    name: entry.name,
    help: entry.help,
    labelNames: entry.labels,
    buckets: [...(entry.buckets ?? [])],
    registers: [registry],
  })
}
