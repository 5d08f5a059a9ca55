import { CONFIG_SCHEMA, type ConfigSchema, typesOf } from '../../../src/config/config-schema.ts'
import type { ValueRow } from './values-table.ts'

/** JSON Schema, draft 7, as far as the chart needs it. */
export interface JsonSchema {
  $schema?: string
  title?: string
  description?: string
  type?: string | readonly string[]
  enum?: readonly unknown[]
  const?: unknown
  anyOf?: readonly JsonSchema[]
  pattern?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minProperties?: number
  items?: JsonSchema
  uniqueItems?: boolean
  required?: readonly string[]
  properties?: Record<string, JsonSchema>
  patternProperties?: Record<string, JsonSchema>
  additionalProperties?: false | JsonSchema
}

type Fields = Record<string, JsonSchema>

/** A map whose keys are the chart's: no other may stand there, and none may be taken away by `null`. */
const closed = (properties: Fields): JsonSchema => {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false }
}
/** The same without a default: each key may be left out. */
const optional = (properties: Fields): JsonSchema => ({ type: 'object', properties, additionalProperties: false })
const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items })
const choice = (...values: string[]): JsonSchema => ({ type: 'string', enum: values })
const matching = (pattern: string): JsonSchema => ({ type: 'string', pattern })

const text: JsonSchema = { type: 'string' }
const filled: JsonSchema = { type: 'string', minLength: 1 }
const toggle: JsonSchema = { type: 'boolean' }
const texts: JsonSchema = { type: 'object', additionalProperties: text }
/** Of Kubernetes or of the operator: what may stand in it is theirs to say. */
const theirs: JsonSchema = { type: 'object' }

/** RFC 1123: of a label where it ends up in one, else of an object. */
const label = matching('^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$')
const objectName = matching('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')
/** Of one unit, so that the templates can compare two of them. */
const scrapeTime = matching('^[1-9][0-9]*[smh]$')
/** An absolute path of the node, without a placeholder. */
const LITERAL_PATH = '^/([^$]|\\$+[^{$])*\\$*$'
const literalPath = matching(LITERAL_PATH)
const literalText: JsonSchema = { type: ['string'], pattern: '^([^$]|\\$+[^{$])*\\$*$', minLength: 1 }
const prometheusDuration = matching('^(0|([0-9]+y)?([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$')
const goDuration = matching('^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$')

/** File names to texts: the agent reads what ends in `.yaml`, and a ConfigMap has keys of these characters only. */
const files: JsonSchema = {
  type: 'object',
  patternProperties: { '^[-._a-zA-Z0-9]+\\.yaml$': filled },
  additionalProperties: false,
}
const halfOfIntent = closed({ files, configMaps: { ...list(objectName), uniqueItems: true } })

const monitor = closed({
  enabled: toggle,
  labels: texts,
  interval: scrapeTime,
  scrapeTimeout: scrapeTime,
  relabelings: list(theirs),
  metricRelabelings: list(theirs),
})

/** What values.yaml may hold. `alerts`: the names of the alerts; `rows`: what values.yaml says of each value. */
export function valuesSchema(alerts: readonly string[], rows: readonly ValueRow[]): JsonSchema {
  const ofAlert = optional({ enabled: toggle, for: prometheusDuration })
  const properties: Fields = {
    image: closed({
      repository: matching('^[^\\s@]+$'),
      tag: matching('^[\\w.-]*$'),
      digest: matching('^(sha256:[0-9a-f]{64})?$'),
      pullPolicy: choice('Always', 'IfNotPresent', 'Never'),
    }),
    imagePullSecrets: list(optional({ name: objectName })),
    nameOverride: label,
    fullnameOverride: label,
    commonLabels: texts,
    runbookUrl: matching('^(https?://\\S+)?$'),
    config: configSchema(),
    intent: closed({ talos: halfOfIntent, spegel: halfOfIntent }),
    containerd: closed({ socket: closed({ enabled: toggle, path: literalPath }) }),
    kubernetes: closed({ enabled: toggle }),
    rbac: closed({
      create: toggle,
      spegelNamespace: label,
      releaseNamespace: label,
      sourceNamespace: label,
      configMaps: { ...list(objectName), uniqueItems: true },
    }),
    extraHostPaths: list(literalPath),
    extraEnv: list({ ...theirs, required: ['name'], properties: { name: filled } }),
    hostNetwork: toggle,
    // `None` would need a resolver that the chart has no value for.
    dnsPolicy: choice('Default', 'ClusterFirst', 'ClusterFirstWithHostNet'),
    nodeSelector: texts,
    tolerations: list(theirs),
    affinity: theirs,
    priorityClassName: text,
    updateStrategy: { ...theirs, required: ['type'], properties: { type: choice('RollingUpdate', 'OnDelete') } },
    terminationGracePeriodSeconds: { type: 'integer', minimum: 0 },
    resources: theirs,
    securityContext: theirs,
    podAnnotations: texts,
    podLabels: texts,
    serviceAccount: closed({ create: toggle, name: text, annotations: texts }),
    service: closed({ enabled: toggle, annotations: texts }),
    podMonitor: monitor,
    serviceMonitor: monitor,
    prometheusRule: closed({
      enabled: toggle,
      labels: texts,
      alertLabels: texts,
      alerts: optional(Object.fromEntries(alerts.map((name) => [name, ofAlert]))),
    }),
    grafanaDashboard: closed({
      enabled: toggle,
      mode: choice('Sidecar', 'GrafanaOperator'),
      labels: { ...texts, minProperties: 1 },
      annotations: texts,
      grafanaOperator: closed({
        allowCrossNamespaceImport: toggle,
        folder: text,
        resyncPeriod: goDuration,
        matchLabels: { ...texts, minProperties: 1 },
      }),
    }),
  }
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of Pullpath',
    ...closed(properties),
  }
  const described = rows.reduce((it: JsonSchema, row) => withDescription(it, row.path, row.description), schema)
  // Helm's own: what a chart that has this one as a part hands to all of its parts.
  return { ...described, properties: { ...described.properties, global: theirs } }
}

function withDescription(schema: JsonSchema, path: readonly string[], description: string): JsonSchema {
  const [key, ...rest] = path
  if (key === undefined) return { ...schema, description }
  const child = schema.properties?.[key]
  if (child === undefined) throw new TypeError(`the schema knows no ${key}`)
  return { ...schema, properties: { ...schema.properties, [key]: withDescription(child, rest, description) } }
}

const PLACEHOLDER = '\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}'

/** What the chart itself reads, so that no placeholder can stand in it. */
const LITERAL: Record<string, JsonSchema> = {
  'host.root': literalPath,
  // What is granted follows from these.
  'intent.spegel.from': choice('daemonset', 'helmrelease', 'values', 'none'),
  'intent.spegel.namespace': literalText,
  'containerd.hostsDir': literalPath,
  'containerd.configFile': { type: ['string', 'null'], pattern: LITERAL_PATH },
  // The probes, the Service and the monitors name it: not any free one.
  'http.port': { type: 'integer', minimum: 1, maximum: 65535 },
}

/** The agent's own schema in JSON Schema. It never refuses what the agent takes, but for what the chart must know. */
function configSchema(schema: ConfigSchema = CONFIG_SCHEMA, path = ''): JsonSchema {
  const literal = LITERAL[path]
  const description = schema.description === undefined ? {} : { description: schema.description }
  if (literal !== undefined) return { ...literal, ...description }
  if (schema.properties !== undefined) {
    const children = Object.entries(schema.properties)
    const at = (name: string) => (path === '' ? name : `${path}.${name}`)
    const properties = Object.fromEntries(children.map(([name, child]) => [name, configSchema(child, at(name))]))
    return { ...optional(properties), ...description }
  }
  return { ...valueSchema(schema), ...description }
}

function valueSchema(schema: ConfigSchema): JsonSchema {
  const types = typesOf(schema)
  const orNull = types.includes('null') ? ['null'] : []
  if (schema.items !== undefined) return list(valueSchema(schema.items))
  if (schema.additionalProperties)
    return { type: 'object', additionalProperties: valueSchema(schema.additionalProperties) }
  if (types.includes('boolean')) return toggle
  if (schema.duration !== undefined) {
    // JSON Schema cannot compare two lengths of time: their bounds are left to the agent.
    const pattern = orPlaceholder('^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$|^0$')
    return { anyOf: [matching(pattern), { const: 0 }] }
  }
  if (types.includes('integer')) {
    const { minimum = 0, maximum = 0 } = schema
    return { type: ['integer', 'string', ...orNull], pattern: PLACEHOLDER, minimum, maximum }
  }
  const pattern =
    schema.enum === undefined ? schema.pattern : `^(${schema.enum.filter((it) => it !== null).join('|')})$`
  const rest = pattern === undefined ? { minLength: schema.minLength ?? 0 } : { pattern: orPlaceholder(pattern) }
  const most = schema.maxLength === undefined ? {} : { maxLength: schema.maxLength }
  return { type: ['string', ...orNull], ...rest, ...most }
}

function orPlaceholder(pattern: string): string {
  return `${pattern}|${PLACEHOLDER}`
}
