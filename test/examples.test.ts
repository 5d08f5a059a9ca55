import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readConfig } from '../src/config/read-config.ts'
import { run } from './commands/run.ts'

const EXAMPLES = join(import.meta.dirname, '..', 'examples')
const talos = (name: string) => ['--talos', join(EXAMPLES, 'talos', name)]
const spegel = (name: string) => ['--spegel', join(EXAMPLES, 'spegel', name)]
const RELEASE = [...spegel('helmrelease.yaml'), ...spegel('ocirepository.yaml')]
const NODE = ['--node-ip', '192.168.1.98']

const HARBOR = `server = 'http://192.168.1.106'

[host.'http://192.168.1.98:29999']
capabilities = ['pull', 'resolve']
dial_timeout = '200ms'

[host.'http://192.168.1.98:30021']
capabilities = ['pull', 'resolve']
dial_timeout = '200ms'

[host.'http://192.168.1.106']
capabilities = ['pull', 'resolve']`

for (const form of ['registry-mirrors.yaml', 'registry-mirror-config.yaml']) {
  t.test(`${form}: Talos' entry is kept behind Spegel's targets`, async (t) => {
    const { code, out, error } = await run(['expect', ...talos(form), ...RELEASE, ...NODE, '--json'])
    t.equal(code, 0, error)
    const { files, conflicts } = JSON.parse(out)
    t.same(conflicts, [])
    t.same(files.map((it: { path: string }) => it.path).sort(), [
      '192.168.1.106/hosts.toml',
      '_backup/192.168.1.106/hosts.toml',
      'docker.io/hosts.toml',
      'ghcr.io/hosts.toml',
      'registry.k8s.io/hosts.toml',
    ])
    t.equal(files.find((it: { path: string }) => it.path === '192.168.1.106/hosts.toml')?.content, HARBOR)
  })
}

t.test('the good example has no conflict, with layers that are kept', async (t) => {
  const intent = [...talos('registry-mirrors.yaml'), ...talos('keep-layers.yaml'), ...RELEASE]
  const { code, out, error } = await run(['check', '--intent-only', ...intent, ...NODE, '--json'])
  t.equal(code, 0, error)
  t.same(JSON.parse(out).findings, [])
})

t.test('the mistake is found before any node is touched', async (t) => {
  const intent = [...talos('registry-mirrors.yaml'), ...spegel('helmrelease-forgot-harbor.yaml')]
  const { code, out } = await run(['check', '--intent-only', ...intent, ...NODE])
  t.equal(code, 1)
  t.match(out, '192.168.1.106  registry-not-mirrored (conflict)')
  t.match(out, 'mirroredRegistries) += ["http://192.168.1.106"]')
})

t.test("the agent's configuration is accepted", async (t) => {
  const file = join(EXAMPLES, 'agent', 'config.yaml')
  const env = { NODE_NAME: 'k8s-1', NODE_IP: '192.168.1.98' }
  const config = readConfig(readFileSync(file, 'utf8'), file, { env, hostname: 'k8s-1' })
  t.match(config, {
    node: { name: 'k8s-1', ip: '192.168.1.98' },
    containerd: { configFile: '/etc/cri/containerd.toml' },
  })
})

t.test('the table of the examples names every file', async (t) => {
  const readme = readFileSync(join(EXAMPLES, 'README.md'), 'utf8')
  const files = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' }).filter((it) => it.endsWith('.yaml'))
  t.ok(files.length >= 7, `${files.length} files`)
  for (const file of files) t.match(readme, `\`${file}\``)
})
