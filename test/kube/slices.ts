import type { KubeObject } from '../../src/kube/kube-api.ts'

/** One endpoint of a slice as the controller writes it for a headless service that publishes what is not ready. */
export function endpoint(address: string, nodeName: string | null, more: KubeObject = {}): KubeObject {
  return {
    addresses: [address],
    conditions: { ready: true, serving: true, terminating: false },
    targetRef: { kind: 'Pod', namespace: 'kube-system', name: `spegel-${address}`, uid: `uid-${address}` },
    ...(nodeName !== null && { nodeName }),
    ...more,
  }
}

export function sliceOf(endpoints: readonly KubeObject[], addressType = 'IPv4'): KubeObject {
  return {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    addressType,
    endpoints,
    ports: [{ name: 'router', port: 5001 }],
  }
}

/** As many slices as the controller makes: 100 endpoints each. */
export function slicesOf(endpoints: readonly KubeObject[]): KubeObject[] {
  const count = Math.ceil(endpoints.length / 100)
  return Array.from({ length: count }, (_, index) => sliceOf(endpoints.slice(index * 100, index * 100 + 100)))
}
