import type { Test } from 'tap'
import { missingTools } from '../daemon/tools.ts'

/** What a lab needs besides what the tests of real daemons do. */
export const LAB_TOOLS = ['docker-registry', 'tc', 'setpriv', 'curl']

/** Runs the tests, or says in one line why they cannot run here; that fails where `CI=true` is set. */
export async function withLabTools(t: Pick<Test, 'fail' | 'plan'>, tests: () => Promise<void>): Promise<void> {
  const missing = missingTools(LAB_TOOLS)
  if (missing === null) await tests()
  else if (process.env.CI === 'true') t.fail(`the tests in the lab cannot run: ${missing}`)
  else t.plan(0, `the tests in the lab did not run: ${missing}`)
}
