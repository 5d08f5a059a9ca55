import { join } from 'node:path'
import { parseAllDocuments, stringify } from 'yaml'
import { run } from './program.ts'

const CHART = join(import.meta.dirname, '..', '..', '..', 'chart')

export interface KubernetesObject {
  kind: string
  metadata: { name: string }
}

export interface ConfigMap extends KubernetesObject {
  data: Record<string, string>
}

export interface DaemonSet extends KubernetesObject {
  spec: { template: { spec: Record<string, unknown> } }
}

/** What `helm template` renders. */
export class RenderedChart {
  readonly #objects: readonly KubernetesObject[]

  constructor(objects: readonly KubernetesObject[]) {
    this.#objects = objects
  }

  /** The only object of a kind. */
  the<T extends KubernetesObject>(kind: string): T {
    const [first, ...more] = this.all<T>(kind)
    if (first === undefined || more.length > 0) throw new Error(`not one ${kind}, but ${more.length + 1}`)
    return first
  }

  all<T extends KubernetesObject>(kind: string): T[] {
    return this.#objects.filter((it): it is T => it.kind === kind)
  }
}

/** Renders the chart as `helm install pullpath chart/ --namespace kube-system` would. */
export async function renderChart(values: object): Promise<RenderedChart> {
  const args = ['template', 'pullpath', CHART, '--namespace', 'kube-system', '--values', '-']
  const text = await run('helm', args, { input: stringify(values) })
  return new RenderedChart(parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject))
}
