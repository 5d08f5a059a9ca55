import { dirname, join } from 'node:path'
import { unpackedContainerd } from '../daemon/tools.ts'
import type { PutOrder } from './api-process.ts'
import { CONTAINERD_SOCKET } from './cluster.ts'
import type { LabNode } from './node.ts'

export const APP_NAMESPACE = 'shop'

/** What a kubelet did for a pod. */
export interface KubeletPull {
  pod: string
  /** Seconds. */
  duration: number
  /** The Event that it wrote, to be put into the cluster. */
  event: PutOrder
}

/** Pulls an image by CRI and says so, as the kubelet does. `size`: of all that the image is made of, in bytes. */
export async function pullAsKubelet(
  node: LabNode,
  { reference, size }: { reference: string; size: number },
): Promise<KubeletPull> {
  const pod = `app-${node.machine.name}`
  const duration = Math.round(await node.pull(reference)) / 1000
  const message = `Successfully pulled image "${reference}" in ${duration}s (${duration}s including waiting). Image size: ${size} bytes.`
  return { pod, duration, event: pulledEvent(pod, message) }
}

/** The kubelet has a container made right after; no process of it is started. */
export async function makeContainer(
  { machine }: LabNode,
  { pod, reference }: { pod: string; reference: string },
): Promise<void> {
  const labels = {
    'pod.namespace': APP_NAMESPACE,
    'pod.name': pod,
    'pod.uid': `uid-${pod}`,
    'container.name': 'app',
  }
  const given = Object.entries(labels).flatMap(([key, value]) => ['--label', `io.kubernetes.${key}=${value}`])
  const ctr = join(dirname(unpackedContainerd(2).path), 'ctr')
  const daemon = ['--address', CONTAINERD_SOCKET, '--namespace', 'k8s.io']
  await machine.run(ctr, [...daemon, 'containers', 'create', ...given, reference, `container-${pod}`, '/nothing'])
}

/** The kubelet's Event of a pod of APP_NAMESPACE (client-go, tools/record); times are whole seconds. */
export function pulledEvent(pod: string, message: string): PutOrder {
  const at = new Date().toISOString().replace(/\.\d+/, '')
  const involvedObject = {
    kind: 'Pod',
    apiVersion: 'v1',
    namespace: APP_NAMESPACE,
    name: pod,
    uid: `uid-${pod}`,
    fieldPath: 'spec.containers{app}',
  }
  return {
    plural: 'events',
    object: {
      metadata: { name: `${pod}.1880f0`, namespace: APP_NAMESPACE },
      ...{ involvedObject, reason: 'Pulled', message, type: 'Normal', count: 1 },
      ...{ source: { component: 'kubelet' }, firstTimestamp: at, lastTimestamp: at, eventTime: null },
    },
  }
}
