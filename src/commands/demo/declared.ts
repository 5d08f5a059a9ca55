/** The registry of the demo. A name below `.test` never resolves (RFC 6761): nothing here can reach a real host. */
export const REGISTRY = 'harbor.test'

/** The address of the demo's node. */
export const NODE_IP = '127.0.0.1'

export interface Ports {
  harbor: number
  /** The two ways to Spegel that its chart sets up, in the order in which containerd asks them. */
  spegelHostPort: number
  spegelNodePort: number
}

/** The patch that a GitOps repository would hold for Talos. */
export function talosPatch(ports: Ports): string {
  return `machine:
  registries:
    mirrors:
      ${REGISTRY}:
        endpoints:
          - http://${NODE_IP}:${ports.harbor}
  files:
    - path: /etc/cri/conf.d/20-customization.part
      op: create
      content: |
        [plugins."io.containerd.cri.v1.images"]
          discard_unpacked_layers = false
`
}

/** The Flux HelmRelease that goes with it. `mirrored` are the registries that Spegel is told to mirror. */
export function spegelRelease(ports: Ports, mirrored: readonly string[]): string {
  const list = mirrored.length === 0 ? ' []' : mirrored.map((it) => `\n        - ${it}`).join('')
  return `apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: spegel
  namespace: kube-system
spec:
  chart:
    spec:
      chart: spegel
      version: 0.7.4
  values:
    spegel:
      containerdRegistryConfigPath: /etc/cri/conf.d/hosts
      prependExisting: true
      mirroredRegistries:${list}
    service:
      registry:
        hostPort: ${ports.spegelHostPort}
        nodePort: ${ports.spegelNodePort}
`
}

/** The releases that the demo's node runs. */
export const TALOS_VERSION = '1.13.6'
export const CONTAINERD_VERSION = '2.2.5'

/** What Talos tells containerd, as far as pulls depend on it. */
export function daemonConfig(): string {
  return `version = 3

[plugins.'io.containerd.cri.v1.images']
  discard_unpacked_layers = false
  use_local_image_pull = true
  [plugins.'io.containerd.cri.v1.images'.registry]
    config_path = '/etc/cri/conf.d/hosts'
`
}
