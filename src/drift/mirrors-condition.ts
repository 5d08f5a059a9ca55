import { camelCase, cut, oneLine } from './announcement-text.ts'
import type { NodeReport } from './report.ts'

/** The Node's condition `RegistryMirrorsDrifted`, without its times. */
export interface MirrorsCondition {
  status: 'True' | 'False' | 'Unknown'
  /** Of the most severe drift: `MirrorMissing`. */
  reason: string
  message: string
}

/** In `kubectl describe node` a condition is one line of a table. Bytes. */
const LONGEST_MESSAGE = 512

/**
 * True where the node is not as Git asks; False where it was seen that it is; Unknown where it could not be seen. What is
 * wrong with Git itself, or with what answers, is no drift.
 */
export function mirrorsCondition({ findings, inputs, registries }: NodeReport): MirrorsCondition {
  const drifts = findings.filter((it) => it.kind === 'drift' && it.severity !== 'info')
  const worst = drifts.find((it) => it.severity === 'critical') ?? drifts[0]
  if (worst !== undefined) {
    const more = drifts.length === 1 ? '' : ` (and ${drifts.length - 1} more)`
    const where = worst.registry === '' ? 'this node' : worst.registry
    const message = `${cut(oneLine(`${where}: ${worst.summary}`), LONGEST_MESSAGE - more.length)}${more}`
    return { status: 'True', reason: camelCase(worst.reason), message }
  }
  const unseen = registries.filter((it) => it.declaredBy.length > 0 && it.inSync === null)
  const down = inputs.filter((it) => !it.up && SEES_MIRRORS.has(it.input))
  if (unseen.length > 0 || down.length > 0) {
    const what = [...unseen.map((it) => it.registry), ...down.map((it) => it.input)].join(', ')
    const message = cut(oneLine(`the agent cannot see ${what}`), LONGEST_MESSAGE)
    return { status: 'Unknown', reason: 'RegistryMirrorsNotSeen', message }
  }
  return { status: 'False', reason: 'RegistryMirrorsAsDeclared', message: 'containerd asks as Git declares' }
}

/** Without one of these it is not known what was declared, or what is on the node. */
const SEES_MIRRORS: ReadonlySet<string> = new Set(['hosts', 'containerd', 'intent_talos', 'intent_spegel'])
