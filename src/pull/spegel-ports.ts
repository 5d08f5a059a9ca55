import { bracketed } from '../format/ip-address.ts'

/** Of Spegel's pods (chart 0.7.4, daemonset.yaml: the ports `registry` and `metrics`). */
const REGISTRY_PORT = 5000
const METRICS_PORT = 9090

/** The registry of the pod with this address. */
export function registryOfPod(address: string): string {
  return urlOf(address, REGISTRY_PORT)
}

/** The metrics of the pod with this address. */
export function metricsOfPod(address: string): string {
  return `${urlOf(address, METRICS_PORT)}/metrics`
}

function urlOf(address: string, port: number): string {
  return `http://${bracketed(address)}:${port}`
}
