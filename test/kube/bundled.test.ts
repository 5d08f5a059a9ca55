import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { startCluster } from './cluster.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)

t.test('what is bundled of client-node is little, and works', async (t) => {
  const { server, account } = await startCluster(t)
  server.put('nodes', { metadata: { name: 'node-a' } })
  const directory = t.testdir()
  const [outfile, metafile] = [join(directory, 'kube.cjs'), join(directory, 'meta.json')]
  const entry = join(import.meta.dirname, 'bundled-kube.ts')
  await run(process.execPath, ['bundle.mjs', `--entry=${entry}`, `--outfile=${outfile}`, `--metafile=${metafile}`], {
    cwd: ROOT,
  })
  const inputs = Object.keys(JSON.parse(readFileSync(metafile, 'utf8')).inputs)
  t.ok(inputs.some((it) => it.endsWith('client-node/dist/config.js')))
  t.strictSame(
    inputs.filter((it) => /node_modules\/undici\/|client-node\/dist\/gen\/(models|apis|types)\//.test(it)),
    [],
  )
  const { stdout } = await run(process.execPath, [outfile, '/api/v1/nodes/node-a', account.root])
  t.match(JSON.parse(stdout), { kind: 'Node', metadata: { name: 'node-a' } })
})
