import type { DaemonProfile } from '../containerd/pull-path.ts'
import type { FileView } from '../hosts/file-view.ts'
import type { TreeNode } from '../hosts/tree.ts'
import type { Intent } from '../intent/intent.ts'
import type { RatedPath } from './path-comparison.ts'
import { ratedPath } from './rated-path.ts'

interface Remembered {
  daemon: DaemonProfile
  view: FileView
  /** What the path was made from: nodes never change, so the same nodes give the same path. */
  looked: ReadonlyMap<string, TreeNode | undefined>
  path: RatedPath
}

const remembered = new WeakMap<Intent, { ip: string; paths: Map<string, Remembered> }>()

/**
 * `ratedPath` of a declared registry, remembered with its intent. As long as whatever the path was made from is the
 * same, the answer is the very same object: an evaluation costs what has changed.
 */
export function rememberedPath(
  registry: string,
  daemon: DaemonProfile,
  view: FileView,
  intent: Intent,
  ip: string,
): RatedPath {
  let ofIntent = remembered.get(intent)
  if (ofIntent?.ip !== ip) {
    ofIntent = { ip, paths: new Map() }
    remembered.set(intent, ofIntent)
  }
  const known = ofIntent.paths.get(registry)
  if (known?.daemon === daemon && isCurrent(known, view)) {
    known.view = view
    return known.path
  }
  const looked = new Map<string, TreeNode | undefined>()
  const recording: FileView = {
    lookup(path) {
      const node = view.lookup(path)
      looked.set(path, node)
      return node
    },
  }
  const path = ratedPath(registry, daemon, recording, intent, ip)
  ofIntent.paths.set(registry, { daemon, view, looked, path })
  return path
}

function isCurrent(known: Remembered, view: FileView): boolean {
  if (known.view === view) return true
  for (const [path, node] of known.looked) {
    // What is outside the view is a new node each time; what it says hangs on the path alone.
    const now = view.lookup(path)
    if (now !== node && !(isNotSeen(now) && isNotSeen(node))) return false
  }
  return true
}

function isNotSeen(node: TreeNode | undefined): boolean {
  return node?.kind === 'unreadable' && node.code === 'NOT_SEEN'
}
