import { readFileSync, writeFileSync } from 'node:fs'

/** MiB between this process's resident memory before, and the most that there was until the end. */
export async function peakGrowth(work: () => Promise<unknown>): Promise<number> {
  const before = memory('VmRSS')
  writeFileSync('/proc/self/clear_refs', '5') // proc_pid_clear_refs(5): the peak begins anew
  await work()
  return memory('VmHWM') - before
}

function memory(name: 'VmRSS' | 'VmHWM'): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) / 1024
}
