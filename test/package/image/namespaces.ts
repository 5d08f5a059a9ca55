import { existsSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { NODE_IP } from '../../fixtures/node-states.ts'
import { run } from './program.ts'

/** Harbor's address, as everywhere in the examples; it exists in the inner network only. */
export const HARBOR = '192.168.1.106'

const CGROUPS = '/sys/fs/cgroup'

/** What a test file that runs within namespaces was given. */
export interface Inside {
  directory: string
  cgroup: string
}

/** Whether this process is the inner one of `runInside`, and what for. */
export function inside(): Inside | null {
  const text = process.env.PULLPATH_TEST_INSIDE
  return text === undefined ? null : JSON.parse(text)
}

/**
 * Runs a test file once more as the first process of namespaces of its own: a network where the addresses of the node
 * and of Harbor exist and from which nothing gets out, mounts, and processes. However that process ends, the kernel
 * ends the daemons and containers that it started, and drops what they mounted.
 */
export async function runInside(t: Test, file: string, directory: string): Promise<void> {
  const cgroup = `/pullpath-${process.pid}`
  const given: Inside = { directory, cgroup }
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  const env = { ...process.env, PULLPATH_TEST_INSIDE: JSON.stringify(given) }
  try {
    await t.spawn('unshare', [...namespaces, process.execPath, file], { env, timeout: t.options.timeout ?? 0 })
  } finally {
    removeCgroups(cgroup)
  }
}

/** Gives the new network its addresses. */
export async function raiseNetwork(): Promise<void> {
  await run('ip', ['link', 'set', 'lo', 'up'])
  for (const address of [NODE_IP, HARBOR]) await run('ip', ['address', 'add', `${address}/32`, 'dev', 'lo'])
}

/** Of every hierarchy of version 1 and of the one of version 2. */
function removeCgroups(cgroup: string): void {
  for (const it of [CGROUPS, ...readdirSync(CGROUPS).map((name) => join(CGROUPS, name))]) remove(join(it, cgroup))
}

/** The kernel's own files in it need not, and cannot, be removed. */
function remove(directory: string): void {
  if (!existsSync(directory)) return
  for (const it of readdirSync(directory, { withFileTypes: true })) {
    if (it.isDirectory()) remove(join(directory, it.name))
  }
  rmdirSync(directory)
}
