import { type Writer, writerOf } from '../hosts/fingerprint.ts'
import { type Attribution, isoTime } from './attribution.ts'
import type { DeclaredRegistry } from './declared-registries.ts'
import type { RatedPath } from './path-comparison.ts'
import { initFinished } from './pod-cause.ts'
import type { Reason } from './reasons.ts'
import type { Evidence } from './report.ts'

const FORM: Readonly<Record<Writer, string>> = {
  talos: 'a file as Talos writes it',
  spegel: "a file as Spegel's init container writes it",
  unknown: 'a file that neither Talos nor Spegel writes like this',
}

/** Reasons for which it matters that Talos' entry was moved; Spegel moves every one, on a healthy node too. */
const TELLS_OF_BACKUP = new Set<Reason>(['origin-dropped', 'plain-http-lost', 'mirror-missing'])

/** What the deciding file, or its absence, shows. */
export function fileEvidence(
  reason: Reason,
  declared: DeclaredRegistry,
  observed: RatedPath,
  it: Attribution,
): Evidence[] {
  const evidence: Evidence[] = []
  const file = observed.file === null ? null : it.fileAt(observed.file)
  if (observed.file !== null && file !== null) {
    const mode = file.mode === null ? '' : `, mode ${(file.mode & 0o777).toString(8).padStart(4, '0')}`
    evidence.push({
      text: `${FORM[writerOf(file)]}${mode}`,
      source: observed.file,
      time: isoTime(file.modifiedAt),
    })
  } else {
    const text =
      observed.directory === null ? `no directory for ${declared.registry}` : 'a directory without hosts.toml'
    evidence.push({ text, source: observed.directory ?? it.hostsDir, time: null })
  }
  if (TELLS_OF_BACKUP.has(reason) && it.isInBackup(declared.registry)) {
    evidence.push({
      text: "Talos' entry is in _backup, where containerd does not look",
      source: `${it.hostsDir}/_backup`,
      time: null,
    })
  }
  return evidence
}

/** That Spegel's init container has run: by what it leaves in the tree, and by what Kubernetes says of it. */
export function backupEvidence(it: Attribution): Evidence[] {
  const finished = initFinished(it)
  const left = {
    text: "Spegel's init container has run: _backup is there",
    source: `${it.hostsDir}/_backup`,
    time: backupMadeAt(it),
  }
  return [...(it.traces.backup === null ? [] : [left]), ...(finished === null ? [] : [finished])]
}

export function backupMadeAt(it: Attribution): string | null {
  return isoTime(it.traces.backup?.modifiedAt ?? null)
}

export function noBackup(it: Attribution): Evidence {
  return {
    text: 'no _backup directory: Spegel has not run since Talos wrote the tree',
    source: it.hostsDir,
    time: null,
  }
}

export function seenEvidence(it: Attribution, time: string): Evidence {
  return { text: "this agent last saw Spegel's entries", source: it.hostsDir, time }
}

/** ` at TIME`, or nothing where the time is not known. */
export function at(time: string | null | undefined): string {
  return time ? ` at ${time}` : ''
}
