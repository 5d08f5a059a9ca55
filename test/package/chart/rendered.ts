import { spawnSync } from 'node:child_process'
import { parseAllDocuments } from 'yaml'

/** A Kubernetes object, as far as it is looked at here. */
export interface KubernetesObject {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string; labels: Record<string, string>; annotations?: Record<string, string> }
  automountServiceAccountToken?: boolean
  data?: Record<string, string>
  /** Of a role. */
  rules?: { apiGroups: string[]; resources: string[]; verbs: string[]; resourceNames?: string[] }[]
  roleRef?: { apiGroup: string; kind: string; name: string }
  subjects?: { kind: string; name: string; namespace: string }[]
  // biome-ignore lint/suspicious/noExplicitAny: each kind has another.
  spec?: any
}

/** What `helm template` wrote; `error` is empty where it succeeded. */
export interface Rendering {
  text: string
  error: string
}

/** `chart` rendered as release `pullpath` of kube-system, where `args` name nothing else. Throws where there is no Helm. */
export function helmTemplate(chart: string, ...args: string[]): Rendering {
  const { status, stdout, stderr, error } = spawnSync(
    'helm',
    ['template', 'pullpath', chart, '--namespace=kube-system', ...args],
    { encoding: 'utf8' },
  )
  if (error !== undefined) throw error
  return { text: stdout, error: status === 0 ? '' : stderr || `helm ended with ${status}` }
}

/** Throws Error for what is no YAML, a key that stands twice among it. */
export function objectsOf(text: string): KubernetesObject[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors
    if (error !== undefined) throw error
    return document.toJS()
  })
}
