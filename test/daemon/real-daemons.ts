import type { Test } from 'tap'
import type { Profile } from './profiles.ts'
import { missingTools, unpackedContainerd } from './tools.ts'

type Root = Pick<Test, 'fail' | 'plan' | 'setTimeout' | 'test'>

/** 2.x as Talos configures it (local pull), 2.x with its own default (transfer service), 1.x. */
export const USUAL_DAEMONS = [
  [2, 'talos'],
  [2, 'default'],
  [1, 'talos'],
] as const

/** Runs the tests, or says in one line why they cannot run here; that fails where `CI=true` is set. `further`: more tools. */
export async function withRealDaemons(
  t: Root,
  tests: () => void | Promise<void>,
  { further = [], what = 'of real daemons' }: { further?: readonly string[]; what?: string } = {},
): Promise<void> {
  const missing = missingTools(further)
  if (missing === null) await tests()
  else if (process.env.CI === 'true') t.fail(`the tests ${what} cannot run: ${missing}`)
  else t.plan(0, `the tests ${what} did not run: ${missing}`)
}

/** A test for each containerd, by its major version, and configuration; none of them has a limit of time. */
export function onEachDaemon(
  t: Root,
  daemons: readonly (readonly [major: 1 | 2, profile: Profile['profile']])[],
  testOne: (t: Test, containerd: Profile['containerd'], profile: Profile['profile']) => Promise<void>,
): void {
  t.setTimeout(0)
  for (const [major, profile] of daemons) {
    const containerd = unpackedContainerd(major)
    t.test(`containerd ${containerd.version.text}, ${profile} configuration`, async (t) => {
      t.setTimeout(0)
      await testOne(t, containerd, profile)
    })
  }
}
