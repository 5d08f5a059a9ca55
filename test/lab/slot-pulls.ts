import type { Pull } from '../../src/drift/pull.ts'
import type { AccessEntry } from './access-log.ts'
import type { CanaryImage } from './canary.ts'

/** A pull that a node of the lab tells, with the slot in which it began. */
export interface NodePull extends Pull {
  node: string
  slot: number
}

/** A request is logged so long before or after the marks of its pull. Milliseconds. */
const NEAR = 50
/** The peers are asked what they have so long before the pull at most. Milliseconds. */
const LOOK = 300

/**
 * What a pull was by the logs: who gave the layer, and whether another node had been given it by then. Two answers where that changed just when the peers were asked. `since`: when no node had it, in milliseconds since
 * the epoch.
 */
export function truthOf(
  { node, startedAt, duration }: NodePull,
  { image, served, since }: { image: CanaryImage; served: readonly AccessEntry[]; since: number },
): readonly Pull['source'][] {
  const begun = Date.parse(startedAt)
  const layer = image.layers[0]?.digest ?? 'none'
  const given = served.filter(
    (it) =>
      it.by !== it.asker && it.method === 'GET' && it.status === 200 && it.source === 'own' && it.path.endsWith(layer),
  )
  const own = given.filter(
    (it) => it.asker === node && it.at >= begun - NEAR && it.at <= begun + duration * 1000 + NEAR,
  )
  const [byOrigin, byPeers] = [own.some((it) => it.by === 'origin'), own.some((it) => it.by !== 'origin')]
  if (byOrigin && byPeers) return ['mixed']
  if (byPeers) return ['peer']
  if (!byOrigin) return ['unknown']
  const isHeld = (at: number) => {
    return given.some((it) => it.asker !== node && it.at >= since && it.at + it.milliseconds <= at)
  }
  const [before, then] = [isHeld(begun - LOOK), isHeld(begun)]
  if (before !== then) return ['first', 'fallback']
  return then ? ['fallback'] : ['first']
}
