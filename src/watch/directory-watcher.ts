import { type FSWatcher, statSync, watch } from 'node:fs'
import { join } from 'node:path'

/** Each watched directory is an inotify watch of the host; beyond this the rescan alone must do. */
const MAX_WATCHERS = 4096

interface Watched {
  identity: string
  /** null: it could not be watched, and is not tried again until it is another directory. */
  watcher: FSWatcher | null
}

/** Watches a changing set of directories and says only that something happened. What it misses, the rescan finds. */
export class DirectoryWatcher {
  readonly #onEvent: () => void
  readonly #onLimit: (error: Error) => void
  readonly #watched = new Map<string, Watched>()
  #closed = false

  /** `onLimit` hears once for each directory that cannot be watched (`ENOSPC`: the host's inotify limit). */
  constructor(onEvent: () => void, onLimit: (error: Error) => void) {
    this.#onEvent = onEvent
    this.#onLimit = onLimit
  }

  /** Watches exactly these. True where one is watched anew: what happened before that was not reported. */
  follow(directories: Iterable<string>): boolean {
    if (this.#closed) return false
    const wanted = new Set(directories)
    for (const path of this.#watched.keys()) if (!wanted.has(path)) this.#drop(path)
    let isNew = false
    for (const path of wanted) {
      const identity = identityOf(path)
      if (identity === null) {
        this.#drop(path)
        continue
      }
      if (this.#watched.get(path)?.identity === identity) continue
      this.#drop(path)
      if (this.#watched.size < MAX_WATCHERS && this.#add(path, identity)) isNew = true
    }
    return isNew
  }

  close(): void {
    this.#closed = true
    for (const path of [...this.#watched.keys()]) this.#drop(path)
  }

  #add(path: string, identity: string): boolean {
    try {
      const watcher = watch(path, (event, name) => {
        // A child that was replaced has a new inode, even where the number is used again.
        if (event === 'rename' && name !== null) this.#drop(join(path, name))
        this.#onEvent()
      })
      watcher.on('error', () => {
        this.#drop(path)
        this.#onEvent()
      })
      this.#watched.set(path, { identity, watcher })
      return true
    } catch (error) {
      this.#watched.set(path, { identity, watcher: null })
      this.#onLimit(error instanceof Error ? error : new Error(String(error)))
      return false
    }
  }

  #drop(path: string): void {
    this.#watched.get(path)?.watcher?.close()
    this.#watched.delete(path)
  }
}

/** Tells a directory from another one of the same name; null: it is gone. */
function identityOf(path: string): string | null {
  const stats = statSync(path, { throwIfNoEntry: false })
  return stats?.isDirectory() === true ? `${stats.dev}:${stats.ino}:${stats.birthtimeMs}` : null
}
