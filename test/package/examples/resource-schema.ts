import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv, type ValidateFunction } from 'ajv'
import { parse } from 'yaml'
import { goModuleDirectory } from './go-modules.ts'

interface Schema {
  properties?: Record<string, Schema>
  additionalProperties?: Schema | boolean
  items?: Schema
  'x-kubernetes-preserve-unknown-fields'?: boolean
}

/** Where the definition of each kind is: Flux 2.7's controllers, all of one release. */
const DEFINITIONS: Record<string, [module: string, file: string]> = {
  OCIRepository: ['github.com/fluxcd/source-controller@v1.7.3', 'source.toolkit.fluxcd.io_ocirepositories.yaml'],
  HelmRelease: ['github.com/fluxcd/helm-controller@v1.4.0', 'helm.toolkit.fluxcd.io_helmreleases.yaml'],
  Kustomization: ['github.com/fluxcd/kustomize-controller@v1.7.3', 'kustomize.toolkit.fluxcd.io_kustomizations.yaml'],
}

/**
 * A validator by the controller's own definition of that kind and version, in which a field that it does not know is a
 * mistake (the API server would drop it). Its CEL rules are not evaluated.
 * Rejects for a kind or version that is not defined.
 */
export async function resourceSchema(apiVersion: string, kind: string): Promise<ValidateFunction> {
  const [module, file] = DEFINITIONS[kind] ?? []
  if (module === undefined || file === undefined) throw new TypeError(`no definition of ${kind}`)
  const directory = await goModuleDirectory(module)
  const { spec } = parse(readFileSync(join(directory, 'config', 'crd', 'bases', file), 'utf8'))
  const [group, name] = apiVersion.split('/')
  const version = spec.versions.find((it: { name: string }) => it.name === name)
  if (spec.group !== group || version === undefined) throw new TypeError(`no ${kind} of ${apiVersion}`)
  const schema: Schema = version.schema.openAPIV3Schema
  // Its own properties are those of every object, which it does not list.
  const { metadata: _, ...own } = schema.properties ?? {}
  const closed = closedSchema({ ...schema, properties: own })
  return new Ajv({ strict: false, validateFormats: false }).compile({
    ...closed,
    properties: { ...closed.properties, metadata: { type: 'object', required: ['name'] } },
  })
}

/** The same, refusing unknown fields wherever known ones are listed. */
function closedSchema(schema: Schema): Schema {
  const { properties, items, additionalProperties } = schema
  const closed = { ...schema }
  if (items !== undefined) closed.items = closedSchema(items)
  if (typeof additionalProperties === 'object') closed.additionalProperties = closedSchema(additionalProperties)
  if (properties === undefined) return closed
  closed.properties = Object.fromEntries(Object.entries(properties).map(([key, it]) => [key, closedSchema(it)]))
  if (additionalProperties === undefined && schema['x-kubernetes-preserve-unknown-fields'] !== true) {
    closed.additionalProperties = false
  }
  return closed
}
