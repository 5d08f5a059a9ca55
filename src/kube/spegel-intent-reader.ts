import { PullpathError } from '../errors.ts'
import { type ClusterObject, readSpegelObjects } from '../intent/cluster-object.ts'
import type { Intent } from '../intent/intent.ts'
import type { Version } from '../version.ts'

export interface IntentReading {
  /** null: it cannot be read as Spegel's. */
  intent: Intent | null
  /** Why; null: it can. */
  problem: string | null
}

/** The same objects may be read by two versions. */
const KEPT = 4

/** Reads Spegel's intent from objects, and again only where they say something else: their status changes often. */
export class SpegelIntentReader {
  readonly #known = new Map<string, IntentReading>()

  /** Never throws. `version`: counts before every one that the objects name. */
  read(objects: readonly ClusterObject[], version: Version | null): IntentReading {
    const key = JSON.stringify([objects, version])
    const known = this.#known.get(key)
    if (known !== undefined) return known
    if (this.#known.size >= KEPT) this.#known.clear()
    const reading = readNow(objects, version)
    this.#known.set(key, reading)
    return reading
  }
}

function readNow(objects: readonly ClusterObject[], version: Version | null): IntentReading {
  try {
    const { intent, problems, notes } = readSpegelObjects(objects, { version })
    // What a HelmRelease takes from elsewhere is told of the release, with whether it could be read.
    const told = notes.filter((it) => it.code !== 'VALUES_FROM_INVISIBLE')
    return { intent: { talos: null, spegel: intent, problems, notes: told }, problem: null }
  } catch (error) {
    // A defect of a parser must not end the agent either.
    const problem = error instanceof PullpathError ? error.toLine() : `a fault of Pullpath itself: ${String(error)}`
    return { intent: null, problem }
  }
}
