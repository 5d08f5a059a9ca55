import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { INTENT, run, SPEGEL_FILE } from './run.ts'

/** A copy of what a node has: containerd's configuration, whose import says `parts`, and the hosts tree. */
function node(t: Test, parts: (hosts: string) => string): { config: string; hosts: string } {
  const root = t.testdir({
    'containerd.toml': "version = 3\nimports = ['conf.d/*.toml']\n",
    'conf.d': {},
    hosts: { '192.168.1.106': { 'hosts.toml': SPEGEL_FILE } },
  })
  const hosts = join(root, 'hosts')
  writeFileSync(join(root, 'conf.d/cri.toml'), parts(hosts))
  return { config: join(root, 'containerd.toml'), hosts }
}

const images = (fields: string, configPath: string) => {
  return `[plugins.'io.containerd.cri.v1.images']\n${fields}\n[plugins.'io.containerd.cri.v1.images'.registry]\nconfig_path = '${configPath}'\n`
}

async function reasons(given: readonly string[]): Promise<string[]> {
  const { out } = await run(['check', ...INTENT, '--json', ...given])
  const report: { findings: { reason: string }[] } = JSON.parse(out)
  return report.findings.map((it) => it.reason)
}

t.test('check says that containerd reads another directory, and that layers are thrown away', async (t) => {
  const { config, hosts } = node(t, () => images('discard_unpacked_layers = true', '/etc/containerd/certs.d'))
  const found = await reasons(['--hosts-dir', hosts, '--containerd-config', config])
  t.ok(found.includes('config-path-mismatch'), found.join())
  t.ok(found.includes('layers-discarded'), found.join())
})

t.test('check finds neither where the configuration is right', async (t) => {
  const { config, hosts } = node(t, () => images('use_local_image_pull = true', '/etc/cri/conf.d/hosts'))
  const found = await reasons(['--hosts-dir', hosts, '--containerd-config', config])
  t.notOk(found.includes('config-path-mismatch'), found.join())
  t.notOk(found.includes('layers-discarded'), found.join())
})

t.test('a list in transfer mode is a mismatch, in local mode it is none', async (t) => {
  const list = '/etc/cri/conf.d/hosts:/etc/docker/certs.d'
  const of = async (fields: string) => {
    const { config, hosts } = node(t, () => images(fields, list))
    return (await reasons(['--hosts-dir', hosts, '--containerd-config', config])).includes('config-path-mismatch')
  }
  t.equal(await of(''), true)
  t.equal(await of('use_local_image_pull = true'), false)
})

t.test('a configuration that cannot be parsed is told with its place', async (t) => {
  const { config, hosts } = node(t, () => "x = 'y\n")
  const { out, code } = await run(['check', ...INTENT, '--hosts-dir', hosts, '--containerd-config', config, '--json'])
  const report: { inputs: { input: string; up: boolean; message: string }[] } = JSON.parse(out)
  const input = report.inputs.find((it) => it.input === 'containerd')
  t.equal(input?.up, false)
  t.match(input?.message, /conf\.d\/cri\.toml:1:\d+: /)
  t.not(code, 0)
})

t.test('explain takes the directory and the pull mode from the configuration', async (t) => {
  const { config, hosts } = node(t, (dir) => images('discard_unpacked_layers = true', dir))
  const { out } = await run(['explain', '192.168.1.106/app:v1', '--containerd-config', config, '--json'])
  const explanation: { containerd: { pullMode: string }; directory: string } = JSON.parse(out)
  t.equal(explanation.containerd.pullMode, 'local')
  t.equal(explanation.directory, `${hosts}/192.168.1.106`)
})
