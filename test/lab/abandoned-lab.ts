/** Starts a lab, says what it started, and leaves it alone: for the test that kills this process. */
import { startLab } from './lab.ts'
import { startedBy } from './remains.ts'

await startLab({ nodes: 1 })
process.send?.(startedBy(process.pid))
