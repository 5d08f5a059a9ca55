import { behaviourOf } from '../containerd/behaviour.ts'
import type { Known } from '../containerd/running-daemon.ts'
import type { KubernetesNode } from '../drift/cluster-facts.ts'
import { parseVersion, type Version } from '../version.ts'
import type { KubeObject } from './kube-api.ts'
import { listAt, textAt, textsAt } from './kube-fields.ts'

/** What a Node's object says. `at`: ISO 8601, when it was read. */
export function readNode(object: KubeObject, at: string): KubernetesNode {
  return {
    containerd: containerdOf(object, at),
    labels: textsAt(object, 'metadata', 'labels'),
    taints: listAt(object, 'spec', 'taints').map((it) => ({
      key: textAt(it, 'key') ?? '',
      value: textAt(it, 'value') ?? '',
      effect: textAt(it, 'effect') ?? '',
    })),
    at,
  }
}

/** kubelet writes what CRI says of itself: `containerd://2.2.7`. A release without rules here says nothing. */
function containerdOf(object: KubeObject, at: string): Known<Version> | null {
  const runtime = textAt(object, 'status', 'nodeInfo', 'containerRuntimeVersion') ?? ''
  const value = runtime.startsWith('containerd://') ? parseVersion(runtime.slice('containerd://'.length)) : null
  if (value === null || !isSupported(value)) return null
  return { value, origin: 'node', source: `node ${textAt(object, 'metadata', 'name')} .status.nodeInfo`, at }
}

function isSupported(version: Version): boolean {
  try {
    behaviourOf(version)
    return true
  } catch {
    return false
  }
}
