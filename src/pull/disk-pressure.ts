import { statfs } from 'node:fs/promises'
import { posix } from 'node:path'
import type { CriClient } from '../containerd/client/daemon-client.ts'
import { PullpathError } from '../errors.ts'

/** Of what is free, so much must be: the kubelet evicts pods below it (eviction-hard: imagefs.available<15%). */
const LEAST_FREE = 0.15

/** Whether a file system of images is nearly full. What is not mounted into this container cannot be looked at: no. */
export async function hasDiskPressure(cri: CriClient, hostRoot: string): Promise<boolean> {
  for (const { mountpoint } of await filesystems(cri)) {
    try {
      const { bavail, blocks } = await statfs(posix.join(hostRoot, mountpoint))
      if (blocks > 0 && bavail / blocks < LEAST_FREE) return true
    } catch {
      // Not mounted.
    }
  }
  return false
}

async function filesystems(cri: CriClient): Promise<{ mountpoint: string }[]> {
  try {
    return await cri.imageFilesystems()
  } catch (error) {
    if (error instanceof PullpathError) return [] // The daemon is away: the pull says so.
    throw error
  }
}
