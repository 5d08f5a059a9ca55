import { truncateSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { readConfigText } from '../../src/config/load-config.ts'

t.test('a file that is missing, too large, binary or a directory is named, with what to do', async (t) => {
  const dir = t.testdir({ large: '', binary: '', directory: {} })
  truncateSync(`${dir}/large`, 20 * 1024 * 1024)
  writeFileSync(`${dir}/binary`, Buffer.from([0xff, 0xfe, 0x00]))
  const refusals = [
    ['missing', 'no such file or directory'],
    ['large', 'too large'],
    ['binary', 'not UTF-8'],
    ['directory', 'is a directory'],
  ] as const
  for (const [name, why] of refusals) {
    t.throws(() => readConfigText(`${dir}/${name}`), {
      code: 'PP_FILE_UNREADABLE',
      message: `the configuration ${dir}/${name} cannot be read: ${why}`,
      advice: 'check --config',
    })
  }
})
