import t from 'tap'
import { run, SPEGEL_FILE } from './run.ts'

t.test('the path of an image, drawn and as JSON', async (t) => {
  const dir = t.testdir({ '192.168.1.106': { 'hosts.toml': SPEGEL_FILE } })
  const typed = ['explain', '192.168.1.106/library/app:v1', '--hosts-dir', dir, '--pull-mode', 'local']
  const text = await run([...typed, '--containerd-version', '2.1.9'])
  t.equal(text.code, 0)
  t.match(text.out, `  hosts.toml  ${dir}/192.168.1.106/hosts.toml, written by Spegel\n`)
  t.match(text.out, '\n1  http://192.168.1.98:29999/v2  peer mirror')
  t.match(text.out, '   │ HEAD http://192.168.1.98:29999/v2/library/app/manifests/v1?ns=192.168.1.106\n')
  t.match(text.out, '\n4  http://192.168.1.106/v2  the registry itself, from the server line of hosts.toml\n')
  t.match(text.out, /└ has it not: the pull fails\n/)
  const json = JSON.parse((await run([...typed, '--json'])).out)
  t.match(json, { image: '192.168.1.106/library/app:v1', registry: '192.168.1.106', error: null })
  t.equal(json.endpoints.length, 4)
  t.equal(json.endpoints[0].role, 'peer')
})

t.test('a registry that nobody declared goes to its default', async (t) => {
  const { code, out } = await run(['explain', 'nginx', '--hosts-dir', t.testdir({})])
  t.equal(code, 0)
  t.match(out, /^docker\.io\/library\/nginx:latest\n/)
  t.match(out, "\n1  https://registry-1.docker.io/v2  the registry itself, from containerd's own default\n")
})

t.test('a directory that is not there is named as it was typed', async (t) => {
  const { code, error } = await run(['explain', 'nginx', '--hosts-dir', `${t.testdir({})}/none`])
  t.equal(code, 2)
  t.match(error, `pullpath: hosts: ${t.testdirName}/none: no such file or directory\n`)
})

t.test('a pull that fails before anybody is asked', async (t) => {
  const { code, out } = await run([
    'explain',
    '192.168.1.106/a',
    '--hosts-dir',
    t.testdir({ '192.168.1.106': 'a file' }),
  ])
  t.equal(code, 1)
  t.match(out, 'The pull fails before anybody is asked')
})
