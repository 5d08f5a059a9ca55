import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import type { Config } from '../../src/config/config.ts'
import { readConfig } from '../../src/config/read-config.ts'
import type { KubernetesObject } from '../package/chart/rendered.ts'
import type { Rule } from './rbac.ts'

const GOLDEN = join(import.meta.dirname, '..', 'package', 'chart', 'golden')

/** The agent as the chart installs it. */
export interface RenderedAgent {
  config: Config
  /** What its account may. */
  rules: Rule[]
}

/** Of a golden file of the chart, which test/package/chart.e2e.ts holds to what Helm renders. `node`: its name. */
export function renderedAgent(golden: string, node: string): RenderedAgent {
  const text = readFileSync(join(GOLDEN, `${golden}.yaml`), 'utf8')
  const objects = parseAllDocuments(text).map((it): KubernetesObject => it.toJS())
  const named = (kind: string) => objects.filter((it) => it.kind === kind)
  const account: string = named('DaemonSet')[0]?.spec.template.spec.serviceAccountName
  const bound = objects.filter(
    (it) => it.kind.endsWith('Binding') && it.subjects?.some((subject) => subject.name === account),
  )
  const rules = bound.flatMap(({ metadata: { namespace }, roleRef }): Rule[] => {
    const role = named(roleRef?.kind ?? '').find((it) => {
      return it.metadata.name === roleRef?.name && it.metadata.namespace === namespace
    })
    return (role?.rules ?? []).map((it) => (namespace === undefined ? it : { ...it, namespace }))
  })
  const configText = named('ConfigMap').find((it) => it.data?.['config.yaml'] !== undefined)?.data?.['config.yaml']
  const env = { NODE_NAME: node, NODE_IP: '192.168.1.98', SHORT_NAME: node }
  return { config: readConfig(configText ?? '', 'config.yaml', { env, hostname: node }), rules }
}
