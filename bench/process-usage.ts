import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** What a process takes of the machine. */
export interface Usage {
  /** Resident memory, in MiB. */
  rss: number
  /** The part of it that no file stands behind: what no other process of the node could share. */
  anonymous: number
  /** Processor time since its start, in the kernel's ticks. */
  ticks: number
}

export function usageOf(pid: number | undefined): Usage {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  // proc_pid_stat(5): the name of the command may hold spaces; utime and stime are the 12th and 13th after it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  const mebibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
  return {
    rss: mebibytes('VmRSS'),
    anonymous: mebibytes('RssAnon'),
    ticks: Number(fields[11]) + Number(fields[12]),
  }
}

/** Per cent of one core, over so many seconds. */
export function coreShare(before: Usage, after: Usage, seconds: number): number {
  return ((after.ticks - before.ticks) / TICKS_PER_SECOND / seconds) * 100
}
