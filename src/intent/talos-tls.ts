import { PullpathError } from '../errors.ts'
import type { YamlMap, YamlScalar } from '../format/yaml-documents.ts'
import type { IntentProblem, TalosTls } from './intent.ts'
import type { TalosDocument, TalosDocuments } from './talos-documents.ts'
import { booleanField, mapField, textField, unknownKeys } from './talos-fields.ts'
import { shownRegistry } from './talos-mirrors.ts'

/** TLS settings and the names of hosts that have credentials. */
export interface DeclaredTls {
  tls: Map<string, TalosTls>
  authHosts: string[]
  problems: IntentProblem[]
}

const AUTH_KEYS = ['username', 'password', 'auth', 'identityToken']

/**
 * Reads `machine.registries.config` and the RegistryTLSConfig and RegistryAuthConfig documents, which replace a host of
 * the legacy map. Private keys and credentials are never looked at. Throws PP_INTENT_INVALID for shapes Talos refuses.
 */
export function readTls(documents: TalosDocuments): DeclaredTls {
  const tls = new Map<string, TalosTls>()
  const authHosts = new Set<string>()
  const problems: IntentProblem[] = []
  const legacy = mapField(mapField(mapField(documents.legacy, 'machine'), 'registries'), 'config')
  for (const [host, { keyAt, value }] of legacy?.entries ?? []) {
    const config = mapField(legacy, host)
    const registry = shownRegistry(host)
    if (config === null) {
      problems.push({
        code: 'TALOS_TLS_UNREACHED',
        registry,
        message: `machine.registries.config[${host}] has no value: Talos refuses the configuration`,
        remedy: [{ command: `${JSON.stringify(host)}: {}`, why: 'or remove the key' }],
        source: value.at,
      })
      continue
    }
    problems.push(...unknownKeys(config, ['tls', 'auth'], `machine.registries.config[${host}]`, registry))
    const auth = mapField(config, 'auth')
    if (auth !== null) {
      problems.push(...unknownKeys(auth, AUTH_KEYS, 'auth', registry))
      authHosts.add(host)
    }
    const settings = mapField(config, 'tls')
    if (settings === null) continue
    problems.push(...unknownKeys(settings, ['ca', 'clientIdentity', 'insecureSkipVerify'], 'tls', registry))
    const identity = clientIdentity(settings, ['crt', 'key'], registry, problems)
    tls.set(host, {
      host,
      // The legacy form holds PEM as base64, the newer documents hold it as text.
      ca: fromBase64(textField(settings, 'ca')),
      clientCertificate: fromBase64(textField(identity, 'crt')),
      insecureSkipVerify: booleanField(settings, 'insecureSkipVerify') ?? false,
      source: keyAt,
    })
  }
  for (const document of documents.documents) {
    if (document.kind === 'RegistryTLSConfig') tls.set(document.name, readTlsDocument(document, problems))
    if (document.kind !== 'RegistryAuthConfig') continue
    const known = ['apiVersion', 'kind', 'name', ...AUTH_KEYS]
    problems.push(...unknownKeys(document.root, known, document.kind, shownRegistry(document.name)))
    authHosts.add(document.name)
  }
  return { tls, authHosts: [...authHosts], problems }
}

function readTlsDocument({ name, root, at, kind }: TalosDocument, problems: IntentProblem[]): TalosTls {
  const registry = shownRegistry(name)
  const known = ['apiVersion', 'kind', 'name', 'ca', 'clientIdentity', 'insecureSkipVerify']
  problems.push(...unknownKeys(root, known, kind, registry))
  const identity = clientIdentity(root, ['cert', 'key'], registry, problems)
  for (const text of [textField(root, 'ca'), textField(identity, 'cert')]) {
    if (text === null || text.text === '' || text.text.includes('-----BEGIN ')) continue
    problems.push({
      code: 'TALOS_TLS_UNREACHED',
      registry,
      message: `here stands no certificate in PEM: Talos refuses the ${kind}`,
      remedy: [{ command: '-----BEGIN CERTIFICATE-----', why: 'only machine.registries.config takes base64 of it' }],
      source: text.at,
    })
  }
  return {
    host: name,
    ca: textField(root, 'ca')?.text || null,
    clientCertificate: textField(identity, 'cert')?.text || null,
    insecureSkipVerify: booleanField(root, 'insecureSkipVerify') ?? false,
    source: at,
  }
}

function clientIdentity(
  settings: YamlMap,
  known: readonly string[],
  registry: string,
  problems: IntentProblem[],
): YamlMap | null {
  const identity = mapField(settings, 'clientIdentity')
  if (identity !== null) problems.push(...unknownKeys(identity, known, 'clientIdentity', registry))
  return identity
}

function fromBase64(scalar: YamlScalar | null): string | null {
  if (scalar === null) return null
  const text = scalar.text.replace(/[\r\n]/g, '')
  if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text)) {
    throw new PullpathError('PP_INTENT_INVALID', 'Talos wants base64 here and refuses the configuration', {
      position: scalar.at,
      advice: 'encode the PEM text with base64 -w0; only RegistryTLSConfig takes it as text',
    })
  }
  return Buffer.from(text, 'base64').toString('utf8') || null
}
