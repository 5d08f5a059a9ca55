import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PullProfile } from './daemon-configuration.ts'
import { DaemonUnderTest } from './daemon-under-test.ts'
import { startNetwork } from './network.ts'
import { type Containerd, furtherContainerds, unpackedContainerd } from './tools.ts'

/** A containerd and how it is configured. */
export interface Profile {
  containerd: Containerd
  profile: PullProfile
}

/** As recordings name it: `2.1.9+unknown talos`. */
export function nameOf({ containerd, profile }: Profile): string {
  return `${containerd.version.text} ${profile}`
}

/** 2.x as Talos configures it (local pull), 2.x with its own default (transfer service), 1.x; then the further ones. */
export function testedProfiles(): Profile[] {
  return [
    { containerd: unpackedContainerd(2), profile: 'talos' },
    { containerd: unpackedContainerd(2), profile: 'default' },
    { containerd: unpackedContainerd(1), profile: 'talos' },
    ...furtherContainerds().flatMap((containerd): Profile[] => [
      { containerd, profile: 'talos' },
      { containerd, profile: 'default' },
    ]),
  ]
}

/** Gives `use` a daemon in a network of its own, and removes both and every file of theirs afterwards. */
export async function withDaemon({ containerd, profile }: Profile, use: (daemon: DaemonUnderTest) => Promise<void>) {
  const directory = mkdtempSync(join(tmpdir(), 'pullpath-daemon-'))
  try {
    const network = await startNetwork(join(directory, 'network'))
    const daemon = new DaemonUnderTest(directory, { containerd, network, profile })
    try {
      await use(daemon)
    } finally {
      await daemon.stop()
      await network.stop()
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
