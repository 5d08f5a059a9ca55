/**
 * What the kubelet makes of a DaemonSet's pod for the container runtime (kubernetes 1.36: pkg/kubelet/kuberuntime,
 * kuberuntime_container_linux.go and security_context.go). It knows the fields that the chart renders and refuses any
 * other, so that nothing that the chart comes to ask is left out here unseen.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeMountedConfigMap } from '../examples/mounted-config-map.ts'
import type { ConfigMap, DaemonSet } from './chart.ts'

/** The node that the pod is for. */
export interface KubeletNode {
  name: string
  ip: string
  /** Where this machine has what is `/` on the node. */
  root: string
  /** Where volumes and logs go. */
  directory: string
  /** Below which cgroup pods go, as an absolute path. */
  cgroup: string
  /** Whether its runtime can mount so. */
  recursiveReadOnly: boolean
}

/** What is sent to the runtime, and what the kubelet keeps to itself. */
export interface KubeletPod {
  sandbox: object
  container: object
  image: string
  port: number
  probes: { livez: string; readyz: string }
  terminationGracePeriodSeconds: number
  memoryLimit: number
  logFile: string
}

interface Probe {
  httpGet: { path: string; port: string }
  timeoutSeconds: number
}

interface SecurityContext {
  runAsUser: number
  runAsGroup: number
  privileged: boolean
  allowPrivilegeEscalation: boolean
  readOnlyRootFilesystem: boolean
  capabilities: { drop: string[] }
}

interface Container {
  name: string
  image: string
  args: string[]
  env: { name: string; value?: string; valueFrom?: { fieldRef: { fieldPath: string } } }[]
  ports: { name: string; containerPort: number }[]
  livenessProbe: Probe
  readinessProbe: Probe
  resources: { requests: { cpu: string; memory: string }; limits: { memory: string } }
  securityContext: SecurityContext
  volumeMounts: VolumeMount[]
}

interface VolumeMount {
  name: string
  mountPath: string
  readOnly?: boolean
  recursiveReadOnly?: 'IfPossible'
}

interface Volume {
  name: string
  configMap?: { name: string }
  projected?: { sources: { configMap?: { name: string; optional?: boolean }; serviceAccountToken?: object }[] }
  hostPath?: { path: string }
}

// Those of the last line are the API server's and the scheduler's.
const POD = `containers volumes hostNetwork dnsPolicy terminationGracePeriodSeconds enableServiceLinks
  automountServiceAccountToken serviceAccountName priorityClassName nodeSelector tolerations`
const CONTAINER = 'name image imagePullPolicy args env ports livenessProbe readinessProbe resources securityContext'
const SECURITY =
  'runAsUser runAsGroup runAsNonRoot privileged allowPrivilegeEscalation readOnlyRootFilesystem capabilities'

/** Of a pod that is critical for its node (pkg/kubelet/qos/policy.go). */
const CRITICAL_OOM_SCORE = -997

/** What the default `procMount` hides and protects (pkg/securitycontext/util.go). */
const MASKED = 'asound acpi kcore keys latency_stats timer_list timer_stats sched_debug scsi'
const PROTECTED = 'bus fs irq sys sysrq-trigger'

export function kubeletPod(daemonSet: DaemonSet, configMaps: readonly ConfigMap[], node: KubeletNode): KubeletPod {
  const pod = daemonSet.spec.template.spec
  onlyKnown(pod, POD.split(/\s+/), 'the pod')
  const [container, ...more] = pod.containers as Container[]
  if (container === undefined || more.length > 0) throw new Error('not one container')
  onlyKnown(container, `${CONTAINER} volumeMounts`.split(' '), 'the container')
  const volumes = new Map((pod.volumes as Volume[]).map((it) => [it.name, volumeOf(it, node, configMaps)]))
  const port = container.ports[0]?.containerPort ?? 0
  const urlOf = ({ httpGet }: Probe) => `http://${node.ip}:${port}${httpGet.path}`
  const id = `${daemonSet.metadata.name}-${node.name}`
  const logFile = join(node.directory, 'log', id)
  mkdirSync(join(node.directory, 'log'), { recursive: true })
  return {
    image: container.image,
    port,
    probes: { livez: urlOf(container.livenessProbe), readyz: urlOf(container.readinessProbe) },
    terminationGracePeriodSeconds: Number(pod.terminationGracePeriodSeconds),
    memoryLimit: bytesOf(container.resources.limits.memory),
    logFile,
    sandbox: {
      metadata: { name: id, uid: id, namespace: 'kube-system' },
      log_directory: join(node.directory, 'log'),
      linux: {
        cgroup_parent: node.cgroup,
        security_context: { namespace_options: namespacesOf(pod), seccomp: { profile_type: 'RuntimeDefault' } },
      },
    },
    container: {
      metadata: { name: container.name },
      image: { image: container.image },
      args: container.args,
      // The interface's definition has bytes there, which JSON writes in base64.
      envs: container.env.map((it) => ({ key: it.name, value: btoa(environmentValue(it, node)) })),
      mounts: container.volumeMounts.map(({ name, mountPath, readOnly = false, recursiveReadOnly, ...other }) => {
        onlyKnown(other, [], `the mount of ${name}`)
        return {
          container_path: mountPath,
          host_path: volumes.get(name),
          readonly: readOnly,
          recursive_read_only: recursiveReadOnly === 'IfPossible' && node.recursiveReadOnly,
        }
      }),
      log_path: id,
      linux: {
        resources: resourcesOf(container),
        security_context: { ...securityOf(container.securityContext), namespace_options: namespacesOf(pod) },
      },
    },
  }
}

function onlyKnown(object: object, known: readonly string[], where: string): void {
  const unknown = Object.keys(object).filter((it) => !known.includes(it))
  if (unknown.length > 0) throw new Error(`${where} has what this kubelet does not know: ${unknown}`)
}

function namespacesOf(pod: { hostNetwork?: boolean }): object {
  return { network: pod.hostNetwork === true ? 'NODE' : 'POD', pid: 'CONTAINER', ipc: 'POD' }
}

function environmentValue({ name, value, valueFrom }: Container['env'][number], node: KubeletNode): string {
  const fields: Record<string, string> = { 'spec.nodeName': node.name, 'status.hostIP': node.ip }
  const found = value ?? fields[valueFrom?.fieldRef.fieldPath ?? '']
  if (found === undefined) throw new Error(`no value for ${name}`)
  return found
}

function resourcesOf({ resources }: Container): object {
  const milli = Number(/^(\d+)m$/.exec(resources.requests.cpu)?.[1])
  const limit = String(bytesOf(resources.limits.memory))
  return {
    cpu_shares: String(Math.max(2, Math.floor((milli * 1024) / 1000))),
    memory_limit_in_bytes: limit,
    oom_score_adj: String(CRITICAL_OOM_SCORE),
  }
}

/** Bytes of a quantity in Mi. */
function bytesOf(quantity: string): number {
  const mebibytes = /^(\d+)Mi$/.exec(quantity)?.[1]
  if (mebibytes === undefined) throw new Error(`not in Mi: ${quantity}`)
  return Number(mebibytes) * 1024 * 1024
}

function securityOf(context: SecurityContext & { seccompProfile?: { type: string } }): object {
  onlyKnown(context, `${SECURITY} seccompProfile`.split(' '), 'the security context')
  return {
    run_as_user: { value: String(context.runAsUser) },
    run_as_group: { value: String(context.runAsGroup) },
    privileged: context.privileged,
    no_new_privs: !context.allowPrivilegeEscalation,
    readonly_rootfs: context.readOnlyRootFilesystem,
    capabilities: { drop_capabilities: context.capabilities.drop },
    seccomp: { profile_type: context.seccompProfile?.type ?? 'Unconfined' },
    masked_paths: [...MASKED.split(' ').map((it) => `/proc/${it}`), '/sys/firmware'],
    readonly_paths: PROTECTED.split(' ').map((it) => `/proc/${it}`),
  }
}

/** The directory that is mounted. */
function volumeOf(volume: Volume, node: KubeletNode, configMaps: readonly ConfigMap[]): string {
  const { name, hostPath, projected, configMap, ...other } = volume
  onlyKnown(other, [], `the volume ${name}`)
  if (hostPath !== undefined) {
    // No type: the kubelet does not look at it, and the runtime makes what is missing.
    onlyKnown(hostPath, ['path'], `the volume ${name}`)
    return join(node.root, hostPath.path)
  }
  const path = join(node.directory, 'volumes', name)
  if (projected?.sources.some((it) => it.serviceAccountToken !== undefined)) {
    // There is no API server that would give a token: the agent finds none, and asks nobody.
    mkdirSync(path, { recursive: true })
    return path
  }
  const sources = projected?.sources.map((it) => it.configMap) ?? [configMap]
  const files = sources.map((source) => {
    const found = configMaps.find((it) => it.metadata.name === source?.name)
    if (found === undefined) throw new Error(`the volume ${name}: no ConfigMap ${source?.name}`)
    return found.data
  })
  writeMountedConfigMap(path, Object.assign({}, ...files))
  return path
}
