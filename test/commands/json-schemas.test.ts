import { join } from 'node:path'
import { Ajv } from 'ajv'
import t, { type Test } from 'tap'
import { SCHEMAS } from '../../src/server/schemas.ts'
import { fixture, INTENT, run, SPEGEL_FILE, TALOS_FILE } from './run.ts'

const ajv = new Ajv({ strict: false })
for (const schema of SCHEMAS) ajv.addSchema(schema)

function isValid(t: Test, name: string, text: string): void {
  const valid = ajv.validate(`${name}#`, JSON.parse(text))
  t.ok(valid, `${name}: ${ajv.errorsText()}`)
}

t.test('what the commands print as JSON is what the HTTP interface promises', async (t) => {
  const drifted = t.testdir({ '192.168.1.106': { 'hosts.toml': TALOS_FILE }, stray: 'a file' })
  isValid(t, 'NodeReport', (await run(['check', ...INTENT, '--hosts-dir', drifted, '--json'])).out)
  isValid(t, 'NodeReport', (await run(['check', ...INTENT, '--intent-only', '--json'])).out)
  isValid(t, 'NodeReport', (await run(['check', ...INTENT, '--hosts-dir', '/none', '--json'])).out)
  for (const [image, dir] of [
    ['192.168.1.106/a', t.testdir({ '192.168.1.106': { 'hosts.toml': SPEGEL_FILE } })],
    ['stray/a', drifted],
    ['ghcr.io/a/b:v1', drifted],
  ] as const) {
    isValid(t, 'Explanation', (await run(['explain', image, '--hosts-dir', dir, '--json'])).out)
  }
  const unlisted = [...INTENT.slice(0, 2), '--spegel', fixture('helmrelease-unlisted.yaml'), '--node-ip', '::1']
  const { conflicts } = JSON.parse((await run(['expect', ...unlisted, '--json'])).out)
  t.ok(conflicts.length > 0)
  for (const it of conflicts) isValid(t, 'Finding', JSON.stringify(it))
})

t.test('so is a path by the deprecated mirrors of the daemon', async (t) => {
  const mirrors = "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry.mirrors.'*']\nendpoint = ['http://m']\n"
  const config = join(t.testdir({ 'containerd.toml': mirrors }), 'containerd.toml')
  const { out } = await run(['explain', 'ghcr.io/a', '--containerd-config', config, '--json'])
  t.match(out, '"declaredIn": "mirrors"')
  isValid(t, 'Explanation', out)
})
