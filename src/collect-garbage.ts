import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Gives back what is left behind, which V8 itself keeps until memory runs short: of starting up 4.5 of 73 MiB on a node
 * of 20 registries (bench/footprint.ts), for about 20 ms.
 */
export function collectGarbage(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc')
  }
  if (typeof collect === 'function') collect()
}

let collect: unknown
