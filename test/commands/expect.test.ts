import { readFileSync } from 'node:fs'
import t from 'tap'
import { DOCKER_FILE, fixture, INTENT, run, SPEGEL_FILE, TALOS_FILE } from './run.ts'

t.test('the files that Talos and then Spegel write', async (t) => {
  const { code, out, error } = await run(['expect', ...INTENT])
  t.equal(code, 0, error)
  t.match(out, `# _backup/192.168.1.106/hosts.toml (written by talos)\n${TALOS_FILE}\n`)
  t.match(out, `# 192.168.1.106/hosts.toml (written by spegel)\n${SPEGEL_FILE}\n`)
  t.match(out, `# docker.io/hosts.toml (written by spegel)\n${DOCKER_FILE}\n`)
})

t.test('as JSON, contents are byte for byte', async (t) => {
  const { files, conflicts } = JSON.parse((await run(['expect', ...INTENT, '--json'])).out)
  t.same(conflicts, [])
  t.same(
    new Map(files.map((it: { path: string; writer: string; content: string }) => [it.path, [it.writer, it.content]])),
    new Map([
      ['_backup/192.168.1.106/hosts.toml', ['talos', TALOS_FILE]],
      ['192.168.1.106/hosts.toml', ['spegel', SPEGEL_FILE]],
      ['docker.io/hosts.toml', ['spegel', DOCKER_FILE]],
    ]),
  )
})

t.test("Spegel's main branch writes one target of its own, the NodePort", async (t) => {
  const { code, out, error } = await run(['expect', ...INTENT, '--spegel-version', 'main'])
  t.equal(code, 1, 'its hostPort is read by no chart any more')
  t.match(error, 'service.registry.hostPort')
  t.match(out, "[host.'http://192.168.1.98:30020']")
  t.notMatch(out, '29999')
})

t.test('into a directory, which must be new or empty', async (t) => {
  const out = `${t.testdir()}/tree`
  t.equal((await run(['expect', ...INTENT, '--out', out])).code, 0)
  t.equal(readFileSync(`${out}/192.168.1.106/hosts.toml`, 'utf8'), SPEGEL_FILE)
  const again = await run(['expect', ...INTENT, '--out', out])
  t.equal(again.code, 2)
  t.match(again.error, 'the directory is not empty (give a new directory')
  const file = await run(['expect', ...INTENT, '--out', `${out}/docker.io/hosts.toml`])
  t.match(file.error, 'it is a file, not a directory')
})

t.test('conflicts follow on standard error, so that the files can be redirected', async (t) => {
  const typed = ['expect', ...INTENT.slice(0, 2), '--spegel', fixture('helmrelease-unlisted.yaml'), '--node-ip', '::1']
  const { code, out, error } = await run(typed)
  t.equal(code, 1)
  t.match(out, 'docker.io/hosts.toml')
  t.notMatch(out, 'registry-not-mirrored')
  t.match(error, '192.168.1.106  registry-not-mirrored (conflict)')
})

t.test('the versions that were assumed are named on standard error', async (t) => {
  const { error } = await run(['expect', ...INTENT])
  t.match(error, /no version of Talos was given: the newest release, [\d.]+, is assumed/)
})
