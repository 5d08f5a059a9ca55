import { writerOf } from '../hosts/fingerprint.ts'
import { type Attribution, isoTime } from './attribution.ts'
import type { DeclaredRegistry } from './declared-registries.ts'
import { at, backupEvidence, backupMadeAt, fileEvidence, noBackup, seenEvidence } from './evidence.ts'
import { type Explained, isAfterInit } from './init-container.ts'
import type { RatedPath } from './path-comparison.ts'
import { goneByPod, initFinished, outdatedPod, WIPE } from './pod-cause.ts'
import type { Reason } from './reasons.ts'
import type { Evidence, Remedy } from './report.ts'

/** Who changed it, how sure that is, on what evidence, and the commands that follow from that cause. */
export function causeOfDrift(
  reason: Reason,
  declared: DeclaredRegistry,
  observed: RatedPath,
  it: Attribution,
): Explained {
  const explained = CAUSES[reason]?.(declared, observed, it) ?? byWriter(declared, observed, it)
  return { ...explained, evidence: [...explained.evidence, ...fileEvidence(reason, declared, observed, it)] }
}

const CAUSES: Partial<Record<Reason, (declared: DeclaredRegistry, observed: RatedPath, it: Attribution) => Explained>> =
  {
    'peer-mirror-missing': peersMissing,
    'mirror-missing': entryMissing,
    'mirror-shadowed': shadowed,
    'peer-target-stale': targetStale,
    'hosts-file-invalid': fileInvalid,
  }

/** Talos removes every directory that it did not write, `_backup` included, and always in one go (talos.md 4.1). */
function peersMissing(declared: DeclaredRegistry, observed: RatedPath, it: Attribution): Explained {
  if (it.traces.backup === null && it.traces.spegel.files.length === 0) return peersGone(it)
  const file = observed.file === null ? null : it.fileAt(observed.file)
  if (file === null) return notListed(declared, it)
  const writer = writerOf(file)
  const spegel = isoTime(it.traces.spegel.newest)
  const form = writer === 'talos' ? "has Talos' form" : "has none of Spegel's entries"
  const text = `${observed.file} ${form} and was written${at(isoTime(file.modifiedAt))}${spegel === null ? '' : `; Spegel's init container wrote the others at ${spegel}`}`
  const remedy = [it.remedies.recreateSpegelPod()]
  const finished = initFinished(it)
  if (finished !== null && isAfterInit(file.modifiedAt, finished.time)) {
    const after = `${text}, after Spegel's init container on this node finished at ${finished.time}`
    return { cause: { actor: writer, text: after, confidence: 'proven' }, evidence: backupEvidence(it), remedy }
  }
  return { cause: { actor: writer, text, confidence: 'likely' }, evidence: backupEvidence(it), remedy }
}

/** Nothing of Spegel is left in the tree: wiped by Talos, not there yet after a boot, or never run. */
function peersGone(it: Attribution): Explained {
  const told = goneByPod(it)
  if (told !== null) return told
  const remedy = [it.remedies.recreateSpegelPod()]
  const written = at(isoTime(it.traces.talos.newest))
  const { bootedAt, spegelLastSeenAt: seen } = it.node
  if (seen !== null && !isBefore(seen, bootedAt)) {
    const text = `Talos rewrote the tree${written}, after Spegel's entries had last been seen at ${seen}: ${WIPE}`
    return {
      cause: { actor: 'talos', text, confidence: 'proven' },
      evidence: [seenEvidence(it, seen), noBackup(it)],
      remedy,
    }
  }
  const [kept] = it.traces.talosOverSpegel
  if (kept !== undefined) {
    const text = `Talos rewrote the tree${written}, over Spegel's files: ${WIPE}`
    const evidence = {
      text: "Talos' text in a file that has Spegel's mode 0644: Spegel had made it",
      source: `${it.hostsDir}/${kept}`,
      time: null,
    }
    return { cause: { actor: 'talos', text, confidence: 'proven' }, evidence: [evidence, noBackup(it)], remedy }
  }
  if (bootedAt !== null && isBefore(isoTime(it.traces.talos.newest), afterMinutes(bootedAt, 10))) {
    const text = `The node booted at ${bootedAt} and Talos wrote its tree${written}; Spegel's init container has not run since`
    const evidence = [{ text: 'the node booted', source: 'uptime', time: bootedAt }, noBackup(it)]
    return {
      cause: { actor: 'node', text, confidence: 'likely' },
      evidence,
      remedy: [it.remedies.showSpegelPod(), ...remedy],
    }
  }
  const text = `Nothing of Spegel is in the tree, not even _backup: either Talos rewrote it${written} (${WIPE}), or Spegel's init container has never run on this node`
  return { cause: { actor: 'talos', text, confidence: 'likely' }, evidence: [noBackup(it)], remedy }
}

/** The Spegel that ran last did not have the registry in its list. */
function notListed(declared: DeclaredRegistry, it: Attribution): Explained {
  const outdated = outdatedPod(it)
  if (outdated !== null) return byOutdatedPod(it, outdated, `it wrote no entry for ${declared.registry}`)
  const text = `Spegel's init container ran${at(backupMadeAt(it))} with other settings than Git has now: it wrote no entry for ${declared.registry}`
  return {
    cause: { actor: 'spegel', text, confidence: 'likely' },
    evidence: backupEvidence(it),
    remedy: it.remedies.applySpegel(),
  }
}

/** The DaemonSet is as it should be, and its roll-out has not come to this node. */
function byOutdatedPod(it: Attribution, outdated: Evidence, what: string): Explained {
  const text = `Spegel's pod on this node was made before the DaemonSet was changed last: ${what}`
  return {
    cause: { actor: 'spegel', text, confidence: 'proven' },
    evidence: [outdated, ...backupEvidence(it)],
    remedy: [it.remedies.recreateSpegelPod()],
  }
}

function entryMissing(declared: DeclaredRegistry, observed: RatedPath, it: Attribution): Explained {
  if (observed.directory !== null) return entryEmptied(declared, observed.directory, it)
  if (it.isInBackup(declared.registry)) {
    const changedAt = changedSinceSpegel(it)
    if (changedAt !== null) return removedOrNotListed(declared, changedAt, it)
    const text = `Spegel's init container moved Talos' entry for ${declared.registry} into _backup${at(backupMadeAt(it))} and wrote none of its own`
    return {
      cause: { actor: 'spegel', text, confidence: 'proven' },
      evidence: backupEvidence(it),
      remedy: it.remedies.applySpegel(),
    }
  }
  if (declared.talosMirror === null && declared.talosTls === null) return notWrittenBySpegel(declared, it)
  const text = `Talos has no entry for ${declared.registry} on this node: the patch in Git was not applied here, is staged, or is not referenced`
  return {
    cause: { actor: 'git', text, confidence: 'likely' },
    evidence: [
      {
        text: `neither ${it.hostsDir} nor its _backup holds an entry for ${declared.registry}`,
        source: it.hostsDir,
        time: null,
      },
    ],
    remedy: it.remedies.applyTalos(
      'brings the declared mirrors to this node; an unchanged configuration rewrites nothing, so reboot the node (talosctl reboot) if Talos already has them',
    ),
  }
}

/** Spegel makes its entries and fills each at once: an entry made or removed well after that was another's doing. */
const SPEGEL_WRITES_WITHIN = 5000

/** When an entry of the tree was last made or removed, if that was after Spegel had written: ISO 8601. */
function changedSinceSpegel(it: Attribution): string | null {
  const { entriesChangedAt, spegel } = it.traces
  const finished = initFinished(it)
  if (finished !== null) return isAfterInit(entriesChangedAt, finished.time) ? isoTime(entriesChangedAt) : null
  if (entriesChangedAt === null || spegel.newest === null) return null
  return entriesChangedAt > spegel.newest + SPEGEL_WRITES_WITHIN ? isoTime(entriesChangedAt) : null
}

function removedOrNotListed(declared: DeclaredRegistry, changedAt: string, it: Attribution): Explained {
  const wrote = isoTime(it.traces.spegel.newest)
  const text = `Spegel's init container wrote its entries${at(wrote)}, and an entry of the tree was made or removed${at(changedAt)}: either somebody removed Spegel's entry for ${declared.registry} then, or Spegel had none in its list`
  return {
    cause: { actor: 'unknown', text, confidence: 'unknown' },
    evidence: [
      {
        text: "an entry was made or removed after Spegel's init container had written",
        source: it.hostsDir,
        time: changedAt,
      },
    ],
    remedy: it.remedies.applySpegel(),
  }
}

/** Both writers truncate a file before they fill it, and make a directory before they write into it. */
function entryEmptied(declared: DeclaredRegistry, directory: string, it: Attribution): Explained {
  const text = `${directory} is there without a hosts.toml that says anything: a writer was interrupted, or somebody emptied it`
  const remedy = writeAnew(declared, it)
  return { cause: { actor: 'unknown', text, confidence: 'unknown' }, evidence: backupEvidence(it), remedy }
}

/** Spegel writes its entries whenever its pod is created, Talos only what has changed. */
function writeAnew(declared: DeclaredRegistry, it: Attribution): Remedy[] {
  if (declared.spegel !== null) return [it.remedies.recreateSpegelPod()]
  return it.remedies.applyTalos(
    'writes the tree anew where the configuration changed; an unchanged one rewrites nothing, so else reboot the node',
  )
}

function notWrittenBySpegel(declared: DeclaredRegistry, it: Attribution): Explained {
  if (it.traces.backup !== null) return notListed(declared, it)
  const told = it.traces.spegel.files.length === 0 ? goneByPod(it) : null
  if (told !== null) return told
  const text = `Spegel's init container has not written its entry for ${declared.registry}: there is no _backup in the tree`
  return {
    cause: { actor: 'spegel', text, confidence: 'likely' },
    evidence: [noBackup(it)],
    remedy: [it.remedies.recreateSpegelPod()],
  }
}

/** Spegel's init container clears every entry but `_backup` before it writes: a second directory cannot be its own. */
function shadowed(declared: DeclaredRegistry, observed: RatedPath, it: Attribution): Explained {
  const text = `${observed.directory ?? it.hostsDir} is chosen first for ${declared.registry}; neither Talos nor Spegel leaves two forms, or an empty directory, beside its own`
  return {
    cause: { actor: 'unknown', text, confidence: 'unknown' },
    evidence: backupEvidence(it),
    remedy: [it.remedies.recreateSpegelPod()],
  }
}

function targetStale(_declared: DeclaredRegistry, observed: RatedPath, it: Attribution): Explained {
  const file = observed.file === null ? null : it.fileAt(observed.file)
  const text = `Spegel wrote this node's address into its entries${at(isoTime(file?.modifiedAt ?? null))}; the node has ${it.node.ip} now`
  return {
    cause: { actor: 'spegel', text, confidence: 'likely' },
    evidence: backupEvidence(it),
    remedy: [it.remedies.recreateSpegelPod()],
  }
}

function fileInvalid(declared: DeclaredRegistry, observed: RatedPath, it: Attribution): Explained {
  const { file: path } = observed
  const file = path === null ? null : it.fileAt(path)
  if (path === null || file === null) return notAsWritten(declared, observed, it)
  const writer = writerOf(file)
  const name = { talos: 'Talos', spegel: 'Spegel', unknown: 'neither Talos nor Spegel' }[writer]
  const text = `${path} was last written${at(isoTime(file.modifiedAt))} in the form of ${name}`
  return {
    cause: { actor: writer, text, confidence: writer === 'unknown' ? 'unknown' : 'likely' },
    evidence: [],
    remedy: [it.remedies.showFile(path), ...writeAnew(declared, it)],
  }
}

/** A file, a loop of links or a directory where none of these belongs. */
function notAsWritten(declared: DeclaredRegistry, observed: RatedPath, it: Attribution): Explained {
  const where = observed.file ?? observed.directory ?? it.hostsDir
  const text = `${where} is not what a writer makes: Talos and Spegel make a directory for a registry, and the file hosts.toml in it`
  return {
    cause: { actor: 'unknown', text, confidence: 'unknown' },
    evidence: [],
    remedy: writeAnew(declared, it),
  }
}

/** Where the reason tells no more: whoever wrote the file that decides must write it again. */
function byWriter(declared: DeclaredRegistry, observed: RatedPath, it: Attribution): Explained {
  const file = observed.file === null ? null : it.fileAt(observed.file)
  const writer = file === null ? 'unknown' : writerOf(file)
  const written = at(isoTime(file?.modifiedAt ?? null))
  const where = observed.file ?? it.hostsDir
  if (writer === 'spegel') {
    const outdated = outdatedPod(it)
    if (outdated !== null) return byOutdatedPod(it, outdated, `it wrote ${where}${written} with the settings before`)
    const text = `Spegel's init container wrote ${where}${written}, with other settings than Git has now, or over another Talos configuration`
    return {
      cause: { actor: 'spegel', text, confidence: 'likely' },
      evidence: backupEvidence(it),
      remedy: it.remedies.applySpegel(),
    }
  }
  if (writer === 'talos') {
    const text = `Talos wrote ${where}${written}, from another configuration than Git has now`
    return {
      cause: { actor: 'talos', text, confidence: 'likely' },
      evidence: [],
      remedy: it.remedies.applyTalos('brings what Git declares to this node'),
    }
  }
  const text = `${where} has neither Talos' form nor Spegel's`
  const remedy =
    declared.spegel === null
      ? it.remedies.applyTalos('brings what Git declares to this node')
      : [it.remedies.recreateSpegelPod()]
  return { cause: { actor: 'unknown', text, confidence: 'unknown' }, evidence: backupEvidence(it), remedy }
}

function isBefore(time: string | null, bound: string | null): boolean {
  return time !== null && bound !== null && Date.parse(time) < Date.parse(bound)
}

function afterMinutes(time: string, minutes: number): string {
  return new Date(Date.parse(time) + minutes * 60_000).toISOString()
}
