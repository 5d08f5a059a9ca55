import type { Container, DaemonEvent, NamespaceClient } from '../containerd/client/daemon-client.ts'
import { PullpathError } from '../errors.ts'

/** For whom the kubelet pulled an image. */
export interface PodOfPull {
  namespace: string
  name: string
  uid: string
  container: string
}

type Creation = Extract<DaemonEvent, { topic: '/containers/create' }>

/** So many creations are kept for pulls that are looked at only afterwards. */
const MOST_KEPT = 64

/**
 * Tells for which pod an image was pulled: the kubelet has its container made right after. Nothing is asked unless
 * somebody waits for an answer.
 */
export class PodFinder {
  readonly #store: NamespaceClient
  readonly #kept: Creation[] = []
  readonly #waiting = new Set<(creation: Creation) => void>()

  constructor(store: NamespaceClient) {
    this.#store = store
  }

  hear(creation: Creation): void {
    this.#kept.push(creation)
    if (this.#kept.length > MOST_KEPT) this.#kept.shift()
    for (const it of this.#waiting) it(creation)
  }

  /**
   * The pod of the first container that is made of the image after `after` (milliseconds since the epoch). `names`: of
   * its records. `signal` ends the wait: null, as where there is none.
   */
  async find(names: ReadonlySet<string>, after: number, signal: AbortSignal): Promise<PodOfPull | null> {
    const queue = this.#kept.filter((it) => it.at >= after)
    let wake = () => {}
    const hear = (creation: Creation) => {
      queue.push(creation)
      wake()
    }
    this.#waiting.add(hear)
    signal.addEventListener('abort', () => wake(), { once: true })
    try {
      for (;;) {
        const next = queue.shift()
        if (next !== undefined) {
          const pod = names.has(next.image) ? await this.#podOf(next.id) : null
          if (pod !== null) return pod
        } else if (signal.aborted) return null
        else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
      }
    } finally {
      this.#waiting.delete(hear)
    }
  }

  async #podOf(id: string): Promise<PodOfPull | null> {
    try {
      return podOf(await this.#store.container(id))
    } catch (error) {
      if (error instanceof PullpathError) return null // the daemon is away
      throw error
    }
  }
}

/** CRI's labels (containerd: internal/cri/labels; kubelet: pkg/kubelet/types/labels.go). */
function podOf(container: Container | null): PodOfPull | null {
  const label = (name: string) => container?.labels.get(`io.kubernetes.${name}`) ?? ''
  const pod = {
    namespace: label('pod.namespace'),
    name: label('pod.name'),
    uid: label('pod.uid'),
    container: label('container.name'),
  }
  // That of the sandbox has no name.
  return Object.values(pod).includes('') ? null : pod
}
