import t from 'tap'
import { renderExpectedFiles } from '../../src/render/expected-files.ts'

const PLAIN = { colour: false, width: 80 }

t.test('each file stands under a comment, so that the whole stays TOML to look at', async (t) => {
  const files = [
    { path: 'docker.io/hosts.toml', writer: 'spegel', content: "server = 'https://registry-1.docker.io'\n\n" },
    { path: '_backup/a.lan/hosts.toml', writer: 'talos', content: '' },
  ] as const
  t.equal(
    renderExpectedFiles(files, PLAIN),
    `# docker.io/hosts.toml (written by spegel)
server = 'https://registry-1.docker.io'

# _backup/a.lan/hosts.toml (written by talos)
# 0 bytes
`,
  )
})

t.test('nothing declared is said, not left blank', async (t) => {
  t.equal(renderExpectedFiles([], PLAIN), 'No files: nothing is declared.\n')
})
