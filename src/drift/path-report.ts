import { endpointReport } from '../containerd/endpoint-report.ts'
import type { Writer } from '../hosts/fingerprint.ts'
import { redactHostsFile } from '../hosts/redact-hosts-file.ts'
import type { FileNode } from '../hosts/tree.ts'
import { isoTime } from './attribution.ts'
import type { RatedPath } from './path-comparison.ts'
import type { FileReport, PathReport } from './report.ts'

/** One tree's answer for a registry, without anything secret. Paths and files never change, so it is made once. */
export function pathReport(path: RatedPath, file: FileNode | null, writer: Writer): PathReport {
  const known = remembered.get(path)
  if (known !== undefined && known.file === file && known.writer === writer) return known.report
  const report = makeReport(path, file, writer)
  remembered.set(path, { file, writer, report })
  return report
}

const remembered = new WeakMap<RatedPath, { file: FileNode | null; writer: Writer; report: PathReport }>()

function makeReport(path: RatedPath, file: FileNode | null, writer: Writer): PathReport {
  return {
    directory: path.directory,
    file: path.file === null ? null : fileReport(path, path.file, file, writer),
    endpoints: path.endpoints.map((it) => endpointReport(it, path.registry)),
    notes: [...path.notes],
    error: path.error,
  }
}

function fileReport(path: RatedPath, name: string, file: FileNode | null, writer: Writer): FileReport {
  return {
    path: name,
    writer,
    content: file?.text == null ? null : redactHostsFile(file.text),
    modifiedAt: isoTime(file?.modifiedAt ?? null),
    used: path.fileUsed,
  }
}
