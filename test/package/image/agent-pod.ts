import { setTimeout as delay } from 'node:timers/promises'
import type { ConfigMap, DaemonSet, RenderedChart } from './chart.ts'
import type { Containerd } from './containerd.ts'
import type { RunningContainer } from './cri.ts'
import { type KubeletNode, type KubeletPod, kubeletPod } from './kubelet.ts'

const READY_WITHIN_MS = 20_000

/** The agent in a container, as the chart and the kubelet have it. */
export interface AgentPod {
  pod: KubeletPod
  container: RunningContainer
  /** Milliseconds from the request to start until `/readyz` answered 200. */
  readyAfter: number
  /** As the kubelet stops a pod; resolves with the exit code. */
  stop(): Promise<number>
}

/** Pulls what the DaemonSet names, runs it, and waits for its readiness probe. */
export async function startAgentPod(
  containerd: Containerd,
  chart: RenderedChart,
  node: Omit<KubeletNode, 'recursiveReadOnly'> & { configMaps: readonly ConfigMap[] },
): Promise<AgentPod> {
  const { cri } = containerd
  const configMaps = [...chart.all<ConfigMap>('ConfigMap'), ...node.configMaps]
  const recursiveReadOnly = await cri.canMountReadOnlyRecursively()
  const pod = kubeletPod(chart.the<DaemonSet>('DaemonSet'), configMaps, { ...node, recursiveReadOnly })
  await cri.pull(pod.image)
  const start = performance.now()
  const { podId, container } = await cri.runPod(pod.sandbox, pod.container)
  while (!(await answers(pod.probes.readyz))) {
    if (performance.now() - start > READY_WITHIN_MS) throw new Error(`not ready:\n${containerd.output()}`)
    await delay(10)
  }
  return {
    pod,
    container,
    readyAfter: performance.now() - start,
    async stop() {
      const code = await cri.stop(container, pod.terminationGracePeriodSeconds)
      await cri.removePod(podId)
      return code
    },
  }
}

/** Whether a probe of the kubelet's succeeds. */
export async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok
  } catch {
    return false // nobody listens yet
  }
}
