import { tmpdir } from 'node:os'
import { run } from '../image/program.ts'

/**
 * The directory of a Go module's files in Go's own cache, `module` as `name@version`. Fetches it if it is not there.
 * Rejects with what Go says where that fails.
 */
export async function goModuleDirectory(module: string): Promise<string> {
  const answer = await run('go', ['mod', 'download', '-json', module], { cwd: tmpdir() })
  return (JSON.parse(answer) as { Dir: string }).Dir
}
