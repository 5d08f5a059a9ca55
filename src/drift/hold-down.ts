import type { NodeFacts } from './facts.ts'

/**
 * Until when nothing is announced, in milliseconds since the epoch. At boot the tree is Talos' alone until Spegel has
 * started: what is found then is on its way to right itself. An agent that has not seen Spegel's entries since it began
 * cannot tell this from a loss, and waits as well.
 *
 * @param holdDown milliseconds; 0: nothing waits
 * @param startedAt when the agent began, in milliseconds since the epoch
 */
export function heldUntil(
  { bootedAt, spegelLastSeenAt, now }: Pick<NodeFacts, 'bootedAt' | 'spegelLastSeenAt' | 'now'>,
  holdDown: number,
  startedAt: number,
): number {
  const time = Date.parse(now)
  const boot = bootedAt === null ? Number.NaN : Date.parse(bootedAt)
  // A clock that was set back has the boot, or the start, in its future: nobody would know for how long to wait.
  const begins = [boot, spegelLastSeenAt === null ? startedAt : Number.NaN].filter((it) => it <= time)
  return Math.max(0, ...begins.map((it) => it + holdDown))
}
