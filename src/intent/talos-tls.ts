import type { YamlMap } from '../format/yaml-documents.ts'
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
  for (const [host, { keyAt }] of legacy?.entries ?? []) {
    const config = mapField(legacy, host)
    if (config === null) continue
    const registry = shownRegistry(host)
    problems.push(...unknownKeys(config, ['tls', 'auth'], `machine.registries.config[${host}]`, registry))
    const auth = mapField(config, 'auth')
    if (auth !== null) {
      problems.push(...unknownKeys(auth, AUTH_KEYS, 'auth', registry))
      authHosts.add(host)
    }
    const settings = mapField(config, 'tls')
    if (settings === null) continue
    problems.push(...unknownKeys(settings, ['ca', 'clientIdentity', 'insecureSkipVerify'], 'tls', registry))
    const ca = textField(settings, 'ca')?.text ?? null
    const certificate = textField(clientIdentity(settings, ['crt', 'key'], registry, problems), 'crt')?.text ?? null
    tls.set(host, {
      host,
      // The legacy form holds PEM as base64, the newer documents hold it as text.
      ca: ca === null ? null : fromBase64(ca),
      clientCertificate: certificate === null ? null : fromBase64(certificate),
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

function fromBase64(text: string): string | null {
  const decoded = Buffer.from(text, 'base64').toString('utf8')
  return decoded === '' ? null : decoded
}
