import { endpointReport } from '../containerd/endpoint-report.ts'
import type { Writer } from '../hosts/fingerprint.ts'
import { redactHostsFile } from '../hosts/redact-hosts-file.ts'
import type { FileNode } from '../hosts/tree.ts'
import { isoTime } from './attribution.ts'
import type { RatedPath } from './path-comparison.ts'
import type { FileReport, PathReport } from './report.ts'

/** One tree's answer for a registry, without anything secret. */
export function pathReport(path: RatedPath, file: FileNode | null, writer: Writer): PathReport {
  return {
    directory: path.directory,
    file: path.file === null ? null : fileReport(path, path.file, file, writer),
    endpoints: path.endpoints.map((it) => endpointReport(it, path.registry)),
    notes: [...path.notes],
    error: path.error,
  }
}

const remembered = new WeakMap<FileNode, string>()

function fileReport(path: RatedPath, name: string, file: FileNode | null, writer: Writer): FileReport {
  return {
    path: name,
    writer,
    content: file?.text == null ? null : redacted(file, file.text),
    modifiedAt: isoTime(file?.modifiedAt ?? null),
    used: path.fileUsed,
  }
}

/** A file's text never changes, so it is redacted once. */
function redacted(file: FileNode, text: string): string {
  const known = remembered.get(file) ?? redactHostsFile(text)
  remembered.set(file, known)
  return known
}
