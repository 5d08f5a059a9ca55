import { setTimeout as delay } from 'node:timers/promises'
import { TOOLS } from './build-image.ts'
import { run } from './program.ts'

const STARTS_WITHIN_MS = 30_000

/** A container as the runtime knows it. */
export interface RunningContainer {
  id: string
  /** Its first process, as this process sees it. */
  pid: number
}

/** The container runtime interface of a containerd, spoken as the kubelet speaks it. */
export class Cri {
  readonly #socket: string

  constructor(socket: string) {
    this.#socket = socket
  }

  async #call<T>(method: string, request: object): Promise<T> {
    const definition = ['-import-path', TOOLS, '-proto', 'cri.proto']
    const target = ['-plaintext', '-d', '@', `unix://${this.#socket}`, `runtime.v1.${method}`]
    return JSON.parse(await run('grpcurl', [...definition, ...target], { input: JSON.stringify(request) }))
  }

  /** Resolves when the daemon answers. */
  async ready(): Promise<void> {
    const end = Date.now() + STARTS_WITHIN_MS
    for (;;) {
      try {
        await this.#call('RuntimeService/Version', {})
        return
      } catch (error) {
        if (Date.now() > end) throw error
        await delay(50)
      }
    }
  }

  /** Whether containers can be given mounts in which whatever is mounted below is read-only too. */
  async canMountReadOnlyRecursively(): Promise<boolean> {
    const { runtimeHandlers = [] } = await this.#call<{
      runtimeHandlers?: { name?: string; features?: { recursiveReadOnlyMounts?: boolean } }[]
    }>('RuntimeService/Status', {})
    // The default handler has no name.
    return runtimeHandlers.find(({ name = '' }) => name === '')?.features?.recursiveReadOnlyMounts === true
  }

  /** Resolves with the reference by digest. */
  async pull(image: string): Promise<string> {
    const { imageRef } = await this.#call<{ imageRef: string }>('ImageService/PullImage', { image: { image } })
    return imageRef
  }

  /** Starts a pod of one container from the configurations that the kubelet would send. */
  async runPod(sandbox: object, container: object): Promise<{ podId: string; container: RunningContainer }> {
    const { podSandboxId } = await this.#call<{ podSandboxId: string }>('RuntimeService/RunPodSandbox', {
      config: sandbox,
    })
    const created = { podSandboxId, config: container, sandboxConfig: sandbox }
    const { containerId } = await this.#call<{ containerId: string }>('RuntimeService/CreateContainer', created)
    await this.#call('RuntimeService/StartContainer', { containerId })
    const status = { containerId, verbose: true }
    const { info } = await this.#call<{ info: { info: string } }>('RuntimeService/ContainerStatus', status)
    return { podId: podSandboxId, container: { id: containerId, pid: JSON.parse(info.info).pid } }
  }

  /** Runs a command in a container, as `kubectl exec` does; resolves with what it wrote and its exit code. */
  async exec(container: RunningContainer, cmd: readonly string[]): Promise<{ stdout: string; exitCode: number }> {
    const request = { containerId: container.id, cmd, timeout: '30' }
    const answer = await this.#call<{ stdout?: string; exitCode?: number }>('RuntimeService/ExecSync', request)
    return { stdout: Buffer.from(answer.stdout ?? '', 'base64').toString(), exitCode: answer.exitCode ?? 0 }
  }

  /** SIGTERM, and after `timeout` seconds SIGKILL; resolves with the exit code: 137 where it came to that. */
  async stop(container: RunningContainer, timeout: number): Promise<number> {
    await this.#call('RuntimeService/StopContainer', { containerId: container.id, timeout: String(timeout) })
    const asked = { containerId: container.id }
    const { status } = await this.#call<{ status: { exitCode?: number } }>('RuntimeService/ContainerStatus', asked)
    return status.exitCode ?? 0
  }

  async removePod(podId: string): Promise<void> {
    await this.#call('RuntimeService/StopPodSandbox', { podSandboxId: podId })
    await this.#call('RuntimeService/RemovePodSandbox', { podSandboxId: podId })
  }
}
