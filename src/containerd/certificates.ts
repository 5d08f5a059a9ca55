import { createPrivateKey, X509Certificate } from 'node:crypto'
import { posix } from 'node:path'
import type { FileView } from '../hosts/file-view.ts'
import type { DirectoryNode, FileNode, TreeNode } from '../hosts/tree.ts'
import { unreadable } from './directory-choice.ts'
import type { ClientPair, PathError, PathNote } from './pull-path.ts'

/** The certificate files of a directory without a usable hosts.toml (hosts.go, loadCertFiles: Docker's layout). */
export function certificateFiles(
  directory: DirectoryNode,
  path: string,
): { ca: readonly string[] | null; clientPairs: readonly ClientPair[] } {
  const ca: string[] = []
  const clientPairs: ClientPair[] = []
  for (const name of [...directory.entries.keys()].sort()) {
    if (directory.entries.get(name)?.kind === 'directory') continue
    if (name.endsWith('.crt')) ca.push(posix.join(path, name))
    if (!name.endsWith('.cert')) continue
    const key = `${name.slice(0, -'.cert'.length)}.key`
    clientPairs.push({
      certificate: posix.join(path, name),
      key: directory.entries.has(key) ? posix.join(path, key) : null,
    })
  }
  return { ca: ca.length === 0 ? null : ca, clientPairs }
}

/**
 * Whether containerd can load the certificates of a host. One that it cannot load fails the whole pull, even if the
 * host is the last one (hosts.go, updateTLSConfigFromHost). What lies outside our view is only noted.
 */
export function checkCertificates(
  host: { ca: readonly string[] | null; clientPairs: readonly ClientPair[] },
  view: FileView,
): { error: PathError | null; notes: PathNote[] } {
  const notes: PathNote[] = []
  for (const path of host.ca ?? []) {
    const file = readable(path, view, notes)
    if (file.error !== null) return { error: file.error, notes }
    if (file.node !== null && !isCaBundle(file.node)) {
      return { error: unusable(`unable to load CA cert ${JSON.stringify(path)}: it holds no certificate`), notes }
    }
  }
  for (const pair of host.clientPairs) {
    const certificate = readable(pair.certificate, view, notes)
    if (certificate.error !== null) return { error: certificate.error, notes }
    const key = pair.key === null ? certificate : readable(pair.key, view, notes)
    if (key.error !== null) return { error: key.error, notes }
    const reason = pairFault(certificate.node?.text ?? null, key.node?.text ?? null)
    if (reason !== null)
      return { error: unusable(`failed to load X509 key pair ${pair.certificate}: ${reason}`), notes }
  }
  return { error: null, notes }
}

function readable(path: string, view: FileView, notes: PathNote[]): { node: FileNode | null; error: PathError | null } {
  const node: TreeNode | undefined = view.lookup(path)
  if (node === undefined) return { node: null, error: unusable(`unable to read ${path}: no such file or directory`) }
  if (node.kind === 'directory') return { node: null, error: unusable(`unable to read ${path}: is a directory`) }
  if (node.kind === 'file') {
    if (node.text === null && node.omitted !== 'secret') {
      notes.push({
        code: 'NOT_SEEN',
        message: `${path} was not read: whether it can be loaded is unknown`,
        source: null,
      })
    }
    return { node, error: null }
  }
  const error = unreadable(path, node)
  if (error.code !== 'NOT_SEEN') return { node: null, error: unusable(error.message) }
  if (node.code !== 'NOT_SEEN') return { node: null, error }
  notes.push({ code: 'NOT_SEEN', message: error.message, source: null })
  return { node: null, error: null }
}

const bundles = new WeakMap<FileNode, boolean>()

function isCaBundle(node: FileNode): boolean {
  if (node.text === null) return true
  const known = bundles.get(node)
  if (known !== undefined) return known
  const result = certificatesIn(node.text).length > 0
  bundles.set(node, result)
  return result
}

function certificatesIn(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  return blocks.flatMap((block) => {
    try {
      return [new X509Certificate(block)]
    } catch {
      return [] // Go skips a block that it cannot parse.
    }
  })
}

/** Why a pair cannot be loaded; null where it can, or where it was not read. A key that we see is not kept. */
function pairFault(certificatePem: string | null, keyPem: string | null): string | null {
  if (certificatePem === null) return null
  const [leaf] = certificatesIn(certificatePem)
  if (leaf === undefined) return 'no certificate'
  if (keyPem === null) return null
  const block = /-----BEGIN ((?:[A-Z ]+ )?PRIVATE KEY)-----[\s\S]*?-----END \1-----/.exec(keyPem)?.[0]
  if (block === undefined) return 'no private key'
  try {
    return leaf.checkPrivateKey(createPrivateKey(block)) ? null : 'the key is not the certificate’s'
  } catch {
    return 'the private key cannot be parsed'
  }
}

function unusable(message: string): PathError {
  return { code: 'CERTIFICATE_UNUSABLE', message, source: null }
}
