import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { type ChartValues, daemonSetObject, nodeObject, podObject, releaseObject } from '../fixtures/spegel-objects.ts'
import { endpoint, sliceOf } from '../kube/slices.ts'
import type { PutOrder } from './api-process.ts'
import { APP_NAMESPACE, pulledEvent } from './kubelet.ts'

const RELEASE = join(import.meta.dirname, '..', '..', 'examples', 'spegel', 'helmrelease.yaml')
/** Where pods come and go that have nothing to do with this test. */
export const BUSY_NAMESPACE = 'media'

/** What Kubernetes holds of the lab: its nodes, and Spegel as its release's values in `examples/` ask for it. */
export function clusterObjects(nodes: readonly { name: string; address: string }[]): PutOrder[] {
  const { values } = parse(readFileSync(RELEASE, 'utf8')).spec as { values: ChartValues }
  const finishedAt = new Date().toISOString()
  const labels = { 'kubernetes.io/service-name': 'spegel-bootstrap' }
  const slice = sliceOf(nodes.map(({ name, address }) => endpoint(address, name)))
  const spegel = { name: 'spegel-bootstrap-7xk2p', namespace: 'kube-system', labels }
  return [
    ...nodes.map(({ name }) => {
      const node = nodeObject()
      return { plural: 'nodes', object: { ...node, metadata: { ...node.metadata, name } } }
    }),
    { plural: 'daemonsets', object: daemonSetObject(values, { desired: nodes.length }) },
    { plural: 'helmreleases', object: releaseObject(values) },
    ...nodes.map(({ name }) => ({ plural: 'pods', object: podObject(`spegel-${name}`, { node: name, finishedAt }) })),
    { plural: 'endpointslices', object: { ...slice, metadata: spegel } },
  ]
}

/** So many Events of other pods, in the namespace of the test's own pods and in another one. */
export function otherEvents(count: number): PutOrder[] {
  return Array.from({ length: count }, (_, index) => {
    const image = `docker.io/library/web:v${index}`
    const message = `Successfully pulled image "${image}" in 1.234s (1.234s including waiting). Image size: 1048576 bytes.`
    const { plural, object } = pulledEvent(`web-${index}`, message)
    const namespace = index % 2 === 0 ? APP_NAMESPACE : BUSY_NAMESPACE
    const involvedObject = { ...(object.involvedObject as object), namespace }
    return { plural, object: { ...object, involvedObject, metadata: { ...(object.metadata as object), namespace } } }
  })
}
