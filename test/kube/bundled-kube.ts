/** Bundled as the agent is: reads the path that its argument names, and prints what came of it. */
import { openKube } from '../../src/kube/open-kube.ts'

async function read(path: string, root: string): Promise<void> {
  const opened = await openKube('on', { root, userAgent: 'pullpath/test' })
  if (opened.state !== 'open') throw new Error(opened.state)
  console.log(JSON.stringify(await opened.api.get(path)))
}

const [path = '', root = ''] = process.argv.slice(2)
void read(path, root)
