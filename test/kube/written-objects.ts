import type { KubeApi, KubeError, KubeObject, PatchKind } from '../../src/kube/kube-api.ts'
import { fails } from './scripted-collection.ts'

/** What is written is kept; what fails is told by the test. Nothing is followed. */
export class WrittenObjects implements Pick<KubeApi, 'get' | 'create' | 'patch'> {
  /** `GET /api/v1/nodes/a`, with what was sent. */
  readonly asked: { what: string; body: unknown }[] = []
  readonly #objects = new Map<string, KubeObject>()
  /** null: it works. */
  failure: KubeError | null = null
  /** Whether what is asked was done before the answer failed. */
  isDoneAllTheSame = false

  put(path: string, object: KubeObject): void {
    this.#objects.set(path, object)
  }

  /** As at the end of an Event's life. */
  forgetAll(): void {
    this.#objects.clear()
  }

  get created(): KubeObject[] {
    return this.asked.filter((it) => it.what.startsWith('POST')).map((it) => it.body as KubeObject)
  }

  get patched(): KubeObject[] {
    return this.asked.filter((it) => it.what.startsWith('PATCH')).map((it) => it.body as KubeObject)
  }

  async get(path: string): Promise<KubeObject> {
    this.asked.push({ what: `GET ${path}`, body: null })
    if (this.failure !== null) throw this.failure
    return this.#find(path)
  }

  async create(path: string, body: KubeObject): Promise<KubeObject> {
    this.asked.push({ what: `POST ${path}`, body })
    const name = `${path}/${(body.metadata as { name: string }).name}`
    if (this.failure !== null && !this.isDoneAllTheSame) throw this.failure
    if (this.#objects.has(name)) throw fails('conflict')
    this.put(name, body)
    if (this.failure !== null) throw this.failure
    return body
  }

  async patch(path: string, kind: PatchKind, body: unknown): Promise<KubeObject> {
    this.asked.push({ what: `PATCH ${path} ${kind}`, body })
    if (this.failure !== null) throw this.failure
    return this.#find(path.replace(/\/status$/, ''))
  }

  #find(path: string): KubeObject {
    const found = this.#objects.get(path)
    if (found === undefined) throw fails('not-found')
    return found
  }
}
