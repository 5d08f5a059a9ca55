import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the kernel says of a process, from `/proc`. */
export class ProcessFacts {
  readonly #pid: number

  constructor(pid: number) {
    this.#pid = pid
  }

  #read(file: string): string {
    return readFileSync(join('/proc', String(this.#pid), file), 'utf8')
  }

  /** A line of `status`, such as `CapEff`. */
  status(name: string): string {
    return new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(this.#read('status'))?.[1] ?? ''
  }

  /** Resident bytes. */
  get residentMemory(): number {
    return Number(this.status('VmRSS').split(' ')[0]) * 1024
  }

  get commandLine(): string[] {
    return this.#read('cmdline').split('\0').slice(0, -1)
  }

  /** Where something is mounted, by mount point: its file system and whether it can be written. */
  get mounts(): Map<string, { type: string; writable: boolean }> {
    const lines = this.#read('mountinfo').trim().split('\n')
    return new Map(
      lines.map((line) => {
        const [left = '', right = ''] = line.split(' - ')
        const [, , , , point = '', options = ''] = left.split(' ')
        const [type = '', , ofSystem = ''] = right.split(' ')
        const writable = ![options, ofSystem].some((it) => it.split(',').includes('ro'))
        return [point, { type, writable }]
      }),
    )
  }

  /** The memory limit and use of its cgroup, in bytes, as version 2 or 1 has them. */
  get cgroupMemory(): { limit: number; used: number; peak: number } {
    const lines = this.#read('cgroup').trim().split('\n')
    const v1 = lines.find((it) => it.split(':')[1]?.split(',').includes('memory'))
    const path = (v1 ?? lines[0] ?? '').split(':')[2] ?? ''
    const directory = v1 === undefined ? join('/sys/fs/cgroup', path) : join('/sys/fs/cgroup/memory', path)
    const number = (...names: string[]) => {
      const file = names.map((it) => join(directory, it)).find(existsSync)
      return file === undefined ? Number.NaN : Number(readFileSync(file, 'utf8'))
    }
    return {
      limit: number('memory.max', 'memory.limit_in_bytes'),
      used: number('memory.current', 'memory.usage_in_bytes'),
      peak: number('memory.peak', 'memory.max_usage_in_bytes'),
    }
  }
}
