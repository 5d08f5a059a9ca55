import { PullpathError } from '../errors.ts'
import type { YamlMap, YamlScalar } from '../format/yaml-documents.ts'
import type { SourcePosition } from '../source-position.ts'
import type { Version } from '../version.ts'
import type { IntentProblem, TalosTls } from './intent.ts'
import type { TalosDocument, TalosDocuments } from './talos-documents.ts'
import { booleanField, codeOfNull, mapField, textField, unknownKeys } from './talos-fields.ts'
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
export function readTls(documents: TalosDocuments, version: Version): DeclaredTls {
  const found: DeclaredTls = { tls: new Map(), authHosts: [], problems: [] }
  const legacy = mapField(mapField(mapField(documents.legacy, 'machine'), 'registries'), 'config')
  for (const [host, { keyAt, value }] of legacy?.entries ?? []) {
    const config = mapField(legacy, host)
    if (config === null) found.problems.push(nullHost(host, value.at, version))
    else readLegacyHost(found, host, config, keyAt)
  }
  for (const document of documents.documents) {
    if (document.kind === 'RegistryTLSConfig') found.tls.set(document.name, readTlsDocument(document, found.problems))
    if (document.kind !== 'RegistryAuthConfig') continue
    const known = ['apiVersion', 'kind', 'name', ...AUTH_KEYS]
    found.problems.push(...unknownKeys(document.root, known, document.kind, shownRegistry(document.name)))
    found.authHosts.push(document.name)
  }
  return { ...found, authHosts: [...new Set(found.authHosts)] }
}

function readLegacyHost(found: DeclaredTls, host: string, config: YamlMap, source: SourcePosition): void {
  const { problems } = found
  const registry = shownRegistry(host)
  problems.push(...unknownKeys(config, ['tls', 'auth'], `machine.registries.config[${host}]`, registry))
  const auth = mapField(config, 'auth')
  if (auth !== null) {
    problems.push(...unknownKeys(auth, AUTH_KEYS, 'auth', registry))
    found.authHosts.push(host)
  }
  const settings = mapField(config, 'tls')
  if (settings === null) return
  problems.push(...unknownKeys(settings, ['ca', 'clientIdentity', 'insecureSkipVerify'], 'tls', registry))
  const identity = clientIdentity(settings, ['crt', 'key'], registry, problems)
  found.tls.set(host, {
    host,
    // The legacy form holds PEM as base64, the newer documents hold it as text.
    ca: fromBase64(textField(settings, 'ca')),
    clientCertificate: fromBase64(textField(identity, 'crt')),
    insecureSkipVerify: booleanField(settings, 'insecureSkipVerify') ?? false,
    source,
  })
}

function nullHost(host: string, source: SourcePosition, version: Version): IntentProblem {
  return {
    code: codeOfNull(version, 'TALOS_TLS_UNREACHED'),
    registry: shownRegistry(host),
    message: `machine.registries.config[${host}] has no value: Talos refuses the configuration`,
    remedy: [{ command: `${JSON.stringify(host)}: {}`, why: 'or remove the key' }],
    source,
  }
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
    ca: publicPart(textField(root, 'ca')?.text ?? ''),
    clientCertificate: publicPart(textField(identity, 'cert')?.text ?? ''),
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
  return publicPart(Buffer.from(text, 'base64').toString('utf8'))
}

/** The PEM text with `***` for a private key that somebody left beside the certificate; null where there is none. */
function publicPart(pem: string): string | null {
  return pem.replace(/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, '***') || null
}
