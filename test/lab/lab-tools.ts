import type { Test } from 'tap'
import { withRealDaemons } from '../daemon/real-daemons.ts'

/** What a lab needs besides what the tests of real daemons do. */
export const LAB_TOOLS = ['docker-registry', 'tc', 'setpriv', 'curl']

/** As `withRealDaemons`, with what a lab needs besides. */
export function withLabTools(t: Test, tests: () => Promise<void>): Promise<void> {
  return withRealDaemons(t, tests, { further: LAB_TOOLS, what: 'in the lab' })
}
