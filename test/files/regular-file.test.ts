import { execFileSync } from 'node:child_process'
import { symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { MAX_FILE_BYTES, readRegularFile } from '../../src/files/regular-file.ts'

t.test('a text is read whole, with its facts, through links', async (t) => {
  const dir = t.testdir({ file: 'Grüße\n', empty: '', bom: '\uFEFFserver', link: t.fixture('symlink', 'file') })
  t.match(readRegularFile(`${dir}/file`), { kind: 'file', text: 'Grüße\n', omitted: null, size: 8 })
  t.match(readRegularFile(`${dir}/link`), { kind: 'file', text: 'Grüße\n' })
  t.match(readRegularFile(`${dir}/empty`), { kind: 'file', text: '', size: 0 })
  t.match(readRegularFile(`${dir}/bom`), { text: '\uFEFFserver' }, 'a byte order mark is no business of the reader')
})

t.test('the limit itself is read, one byte more is not', async (t) => {
  const dir = t.testdir({ most: 'a'.repeat(MAX_FILE_BYTES), more: 'a'.repeat(MAX_FILE_BYTES + 1), sparse: '' })
  truncateSync(`${dir}/sparse`, 20 * 1024 * 1024)
  t.match(readRegularFile(`${dir}/most`), { omitted: null, size: MAX_FILE_BYTES })
  for (const name of ['more', 'sparse']) {
    t.match(readRegularFile(`${dir}/${name}`), { kind: 'file', text: null, omitted: 'too-large' })
  }
})

t.test('a file that says it is empty and is not, as those of /proc, is read to the limit', async (t) => {
  t.match(readRegularFile('/proc/self/status'), { kind: 'file', omitted: null, text: /^Name:/ })
  t.match(readRegularFile('/proc/self/status', 10), { kind: 'file', text: null, omitted: 'too-large' })
})

t.test('what is no UTF-8 is not guessed at', async (t) => {
  const dir = t.testdir({})
  for (const bytes of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]]) {
    writeFileSync(`${dir}/file`, Buffer.from(bytes))
    t.match(readRegularFile(`${dir}/file`), { kind: 'file', text: null, omitted: 'not-utf8', size: bytes.length })
  }
})

t.test('what is no regular file is told by what it is, and never waited for', async (t) => {
  const dir = t.testdir({ directory: {} })
  execFileSync('mkfifo', [`${dir}/fifo`])
  symlinkSync('loop', `${dir}/loop`)
  const unreadable: readonly (readonly [string, string, string])[] = [
    [`${dir}/missing`, 'ENOENT', 'no such file or directory'],
    [`${dir}/directory`, 'EISDIR', 'is a directory'],
    [`${dir}/fifo`, 'ENOTREG', 'is a FIFO, not a regular file'],
    ['/dev/zero', 'ENOTREG', 'is a device, not a regular file'],
    [`${dir}/loop`, 'ELOOP', 'too many symbolic links encountered'],
    [`${dir}/${'n'.repeat(300)}`, 'ENAMETOOLONG', 'name too long'],
  ]
  for (const [path, code, message] of unreadable) {
    t.same(readRegularFile(path), { kind: 'unreadable', code, message }, path)
  }
})
