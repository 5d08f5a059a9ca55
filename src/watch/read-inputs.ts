import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import type { TreeNode } from '../hosts/tree.ts'
import { askDaemon, type DaemonAnswer, openDaemon } from './daemon-monitor.ts'
import { InputReader } from './input-reader.ts'
import type { WatchedPart } from './input-watcher.ts'
import type { Inputs } from './inputs.ts'
import { Settling } from './settling.ts'

/** A tree that was written to this shortly before it was read may still be in the making. */
const FRESH_MS = 1000

/**
 * Reads everything once, for a command. Where the hosts tree was written to just now, it waits for two equal readings
 * as the agent does. What cannot be read is told in `node.inputs`, never thrown.
 * Throws PP_VERSION_INVALID and PP_VERSION_UNSUPPORTED.
 */
export async function readInputs(config: Config): Promise<Inputs> {
  const reader = new InputReader(config, { relative: true, memory: null })
  if (config.containerd.socket !== null) reader.hear(await askOnce(config.host.root, config.containerd.socket))
  for (const part of reader.parts) part.accept(part.read().value)
  const first = reader.inputs(Date.now())
  if (Date.now() - newestChange(first.observed.hosts) > FRESH_MS) return first
  await settle(reader.parts, config.watch.settle)
  return reader.inputs(Date.now())
}

async function askOnce(hostRoot: string, socket: string): Promise<DaemonAnswer> {
  const daemon = await openDaemon(hostRoot, socket)
  try {
    return await askDaemon(daemon, null)
  } finally {
    daemon.client.close()
  }
}

async function settle(parts: readonly WatchedPart[], time: number): Promise<void> {
  let pending = parts.map((part) => ({ part, settling: new Settling(part.isSame) }))
  for (;;) {
    pending = pending.filter(({ part, settling }) => {
      const { value } = part.read()
      if (!settling.offer(value, performance.now(), time)) return true
      part.accept(value)
      return false
    })
    if (pending.length === 0) return
    await delay(time)
  }
}

/** Milliseconds since the epoch; 0 where nothing has a time. */
function newestChange(tree: TreeNode): number {
  if (tree.kind === 'unreadable') return 0
  const children = tree.kind === 'directory' ? [...tree.entries.values()].map(newestChange) : []
  return children.reduce((newest, time) => Math.max(newest, time), tree.modifiedAt ?? 0)
}
