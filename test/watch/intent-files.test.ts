import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { IntentFilesReader } from '../../src/watch/intent-files.ts'

const ABSOLUTE = { relative: false }

/** A mounted ConfigMap: files are links through `..data` to a directory that is exchanged as a whole. */
function writeConfigMap(mount: string, version: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(join(mount, version))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(mount, version, name), text)
  symlinkSync(version, join(mount, '..data_tmp'))
  renameSync(join(mount, '..data_tmp'), join(mount, '..data'))
}

t.test('reads what matches, in order of the patterns and then by name', async (t) => {
  const dir = t.testdir({ talos: { 'b.yaml': 'b', 'a.yaml': 'a', 'c.yml': 'c' }, more: { 'z.yaml': 'z' } })
  const reader = new IntentFilesReader([`${dir}/more/*.yaml`, `${dir}/talos/*.yaml`], ABSOLUTE)
  const reading = reader.read()
  t.same(
    reading.files.map(({ text }) => text),
    ['z', 'a', 'b'],
  )
  t.same(reading.failures, [])
  t.equal(reader.read(), reading, 'unchanged files give the same reading')
})

t.test("follows a ConfigMap's exchange", async (t) => {
  const mount = t.testdir({})
  writeConfigMap(mount, '..2026_11_24_01', { 'patch.yaml': 'old' })
  symlinkSync('..data/patch.yaml', join(mount, 'patch.yaml'))
  const reader = new IntentFilesReader([`${mount}/*.yaml`], ABSOLUTE)
  const before = reader.read()
  writeConfigMap(mount, '..2026_11_24_02', { 'patch.yaml': 'new' })
  rmSync(join(mount, '..2026_11_24_01'), { recursive: true })
  const after = reader.read()
  t.same(before.files, [{ path: `${mount}/patch.yaml`, text: 'old' }])
  t.same(after.files, [{ path: `${mount}/patch.yaml`, text: 'new' }])
  t.ok(after.directories.includes(mount), 'the directory of the link is what to watch')
})

t.test('what is missing, too large or no text is a failure with its path', async (t) => {
  const dir = t.testdir({ large: '', binary: '', directory: {} })
  truncateSync(`${dir}/large`, 2 * 1024 * 1024)
  writeFileSync(`${dir}/binary`, Buffer.from([0xc3, 0x28]))
  const patterns = ['missing.yaml', 'none/*.yaml', 'large', 'binary', 'directory'].map((name) => `${dir}/${name}`)
  const { files, failures } = new IntentFilesReader(patterns, ABSOLUTE).read()
  t.same(files, [])
  t.same(failures, [
    `${dir}/missing.yaml: no such file or directory`,
    `no file matches ${dir}/none/*.yaml`,
    `${dir}/large: larger than 1 MiB`,
    `${dir}/binary: not UTF-8`,
    `${dir}/directory: is a directory`,
  ])
})

t.test('a directory that is missing is watched for in the one above', async (t) => {
  const dir = t.testdir({})
  const reading = new IntentFilesReader([`${dir}/later/talos/*.yaml`], ABSOLUTE).read()
  t.ok(reading.directories.includes(dir))
})

t.test('a relative pattern is a failure in a configuration and usual on a command line', async (t) => {
  const dir = t.testdir({ 'patch.yaml': 'text' })
  t.match(new IntentFilesReader(['talos/*.yaml'], ABSOLUTE).read().failures, [/talos\/\*\.yaml is no absolute path/])
  const before = process.cwd()
  t.teardown(() => process.chdir(before))
  process.chdir(dir)
  const { files } = new IntentFilesReader(['patch.yaml', './patch.yaml', '*.yaml'], { relative: true }).read()
  t.same(
    files.map(({ path }) => path),
    ['patch.yaml', './patch.yaml'],
  )
})
