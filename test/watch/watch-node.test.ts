import {
  appendFileSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { nodeAt } from '../../src/hosts/tree.ts'
import type { Inputs } from '../../src/watch/inputs.ts'
import {
  type NodeDirectory,
  removeHosts,
  talosPatchOf,
  writeHostsFile,
  writeNodeDirectory,
  writeTree,
} from '../fixtures/node-directory.ts'
import { watchNode } from './watched-node.ts'

const REGISTRIES = ['192.168.1.106', 'docker.io']
const HARBOR = '192.168.1.106/hosts.toml'

/** A node in sync that is being watched by events alone, and whose first reading is done. */
async function watched(t: Test, prepare: (node: NodeDirectory) => void = () => {}) {
  const node = writeNodeDirectory(t.testdir({}), REGISTRIES)
  prepare(node)
  const inputs = watchNode(t, node.directory)
  return { node, inputs, first: await inputs.next(() => true) }
}

function textOf({ observed }: Inputs, path = HARBOR): string | null | undefined {
  const file = nodeAt(observed.hosts, path)
  return file?.kind === 'file' ? file.text : undefined
}

const isUp = ({ node }: Inputs, name: string) => node.inputs.find(({ input }) => input === name)?.up

t.test('the first reading is told once, with all of it', async (t) => {
  const { first } = await watched(t)
  t.same(
    first.node.inputs.map(({ input, up }) => [input, up]),
    [
      ['hosts', true],
      ['intent_talos', true],
      ['intent_spegel', true],
    ],
  )
  t.same([...(first.intent.talos?.mirrors.keys() ?? [])], REGISTRIES)
  t.match(textOf(first), 'dial_timeout')
})

t.test('a file that is replaced by rename', async (t) => {
  const { node, inputs } = await watched(t)
  writeFileSync(join(node.directory, 'new'), '# replaced')
  renameSync(join(node.directory, 'new'), join(node.hosts, HARBOR))
  t.ok(await inputs.next((it) => textOf(it) === '# replaced'))
})

t.test('a file that is truncated and then written, as Talos does, is never seen empty', async (t) => {
  const { node, inputs } = await watched(t)
  const descriptor = openSync(join(node.hosts, HARBOR), 'w')
  fsyncSync(descriptor)
  writeSync(descriptor, '# written')
  closeSync(descriptor)
  t.equal(textOf(await inputs.next(() => true)), '# written')
})

t.test('a file that grows', async (t) => {
  const { node, inputs, first } = await watched(t)
  appendFileSync(join(node.hosts, HARBOR), '\n# more')
  t.ok(await inputs.next((it) => textOf(it) === `${textOf(first)}\n# more`))
})

t.test('directories that come and go, at any depth', async (t) => {
  const { node, inputs } = await watched(t)
  writeHostsFile(node, 'ghcr.io/hosts.toml', '# new')
  t.ok(await inputs.next((it) => textOf(it, 'ghcr.io/hosts.toml') === '# new'))
  writeHostsFile(node, 'ghcr.io/hosts.toml', '# written again')
  t.ok(await inputs.next((it) => textOf(it, 'ghcr.io/hosts.toml') === '# written again'))
  removeHosts(node, 'ghcr.io')
  t.ok(await inputs.next((it) => nodeAt(it.observed.hosts, 'ghcr.io') === undefined))
})

t.test('the hosts directory is removed and made again', async (t) => {
  const { node, inputs } = await watched(t)
  rmSync(node.hosts, { recursive: true })
  const gone = await inputs.next((it) => it.observed.hosts.kind === 'unreadable')
  t.match(gone.node.inputs[0], { input: 'hosts', up: false, message: /no such file or directory/ })
  writeTree(node.hosts, node.talosTree)
  t.ok(await inputs.next((it) => isUp(it, 'hosts') === true && textOf(it) !== undefined))
  writeHostsFile(node, HARBOR, '# after')
  t.ok(await inputs.next((it) => textOf(it) === '# after'), 'the new directory is watched too')
})

t.test('the hosts directory is exchanged as a whole', async (t) => {
  const { node, inputs } = await watched(t)
  const other = join(node.directory, 'node/etc/other')
  writeTree(other, node.talosTree)
  renameSync(node.hosts, join(node.directory, 'node/etc/old'))
  renameSync(other, node.hosts)
  t.ok(await inputs.next((it) => textOf(it)?.includes('dial_timeout') === false))
  writeHostsFile(node, HARBOR, '# after')
  t.ok(await inputs.next((it) => textOf(it) === '# after'))
})

t.test('the hosts directory is missing and appears, with directories above it', async (t) => {
  const { node, inputs, first } = await watched(t, ({ directory }) => {
    rmSync(join(directory, 'node/etc'), { recursive: true })
  })
  t.equal(isUp(first, 'hosts'), false)
  mkdirSync(dirname(node.hosts), { recursive: true })
  writeTree(node.hosts, node.tree)
  t.ok(await inputs.next((it) => isUp(it, 'hosts') === true && textOf(it) !== undefined))
})

t.test('a file where the hosts directory should be', async (t) => {
  const { node, inputs, first } = await watched(t, ({ hosts }) => {
    rmSync(hosts, { recursive: true })
    writeFileSync(hosts, 'a file')
  })
  t.match(first.node.inputs[0], { up: false, message: '/etc/cri/conf.d/hosts: is a file, not a directory' })
  rmSync(node.hosts)
  writeTree(node.hosts, node.tree)
  t.ok(await inputs.next((it) => isUp(it, 'hosts') === true))
})

/** A mounted ConfigMap: files are links through `..data` to a directory that is exchanged as a whole. */
function writeConfigMap(mount: string, version: string, name: string, text: string): void {
  mkdirSync(join(mount, version), { recursive: true })
  writeFileSync(join(mount, version, name), text)
  symlinkSync(version, join(mount, '..data_tmp'))
  renameSync(join(mount, '..data_tmp'), join(mount, '..data'))
}

t.test("a ConfigMap's exchange of the intent", async (t) => {
  const { node, inputs, first } = await watched(t, ({ talosFile }) => {
    rmSync(talosFile)
    writeConfigMap(dirname(talosFile), '..1', 'patch.yaml', talosPatchOf(REGISTRIES))
    symlinkSync('..data/patch.yaml', join(dirname(talosFile), 'patch.yaml'))
  })
  t.same([...(first.intent.talos?.mirrors.keys() ?? [])], REGISTRIES)
  writeConfigMap(dirname(node.talosFile), '..2', 'patch.yaml', talosPatchOf(['ghcr.io']))
  rmSync(join(dirname(node.talosFile), '..1'), { recursive: true })
  const after = await inputs.next((it) => it.intent.talos?.mirrors.has('ghcr.io') === true)
  t.same([...(after.intent.talos?.mirrors.keys() ?? [])], ['ghcr.io'])
})

t.test('a bad commit leaves the last good intent in force, and its input is down until it is good again', async (t) => {
  const { node, inputs } = await watched(t)
  for (const [text, message] of [
    ['machine: [', /machine-registries\.yaml:1:11: not valid YAML/],
    [Buffer.from([0xff, 0xfe]), /not UTF-8/],
  ] as const) {
    writeFileSync(node.talosFile, text)
    const bad = await inputs.next((it) => isUp(it, 'intent_talos') === false)
    t.match(bad.node.inputs, [{ input: 'hosts', up: true }, { message }, { input: 'intent_spegel', up: true }])
    t.same([...(bad.intent.talos?.mirrors.keys() ?? [])], REGISTRIES)
    writeFileSync(node.talosFile, talosPatchOf(REGISTRIES))
    await inputs.next((it) => isUp(it, 'intent_talos') === true)
  }
  rmSync(node.spegelFile)
  const missing = await inputs.next((it) => isUp(it, 'intent_spegel') === false)
  t.match(missing.failures.get('intent_spegel'), { reason: 'unreadable', message: /^no file matches / })
  t.equal(missing.intent.spegel?.mirroredRegistries.length, 2)
})

t.test('an intent that was never readable is down from the start', async (t) => {
  const { first, inputs, node } = await watched(t, ({ talosFile }) => rmSync(dirname(talosFile), { recursive: true }))
  t.equal(isUp(first, 'intent_talos'), false)
  t.equal(first.intent.talos, null)
  mkdirSync(dirname(node.talosFile))
  writeFileSync(node.talosFile, talosPatchOf(['ghcr.io']))
  t.ok(await inputs.next((it) => it.intent.talos?.mirrors.has('ghcr.io') === true))
})

t.test("remembers when Spegel's entries were last there", async (t) => {
  const { node, inputs, first } = await watched(t)
  t.ok(first.node.spegelLastSeenAt)
  rmSync(node.hosts, { recursive: true })
  writeTree(node.hosts, node.talosTree)
  const after = await inputs.next((it) => textOf(it)?.includes('dial_timeout') === false)
  t.ok(Date.parse(after.node.spegelLastSeenAt ?? '') >= Date.parse(first.node.spegelLastSeenAt ?? ''))
})
