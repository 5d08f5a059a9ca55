import { Counter, Gauge, Histogram, Registry } from 'prom-client'
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
