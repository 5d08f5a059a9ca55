import t from 'tap'
import { COMMANDS } from '../../src/commands/command-line.ts'
import { run } from './run.ts'

t.test('pullpath alone says what it can do, and that this was no use of it', async (t) => {
  const alone = await run([])
  t.equal(alone.code, 2)
  for (const typed of [['--help'], ['-h'], ['help']]) {
    const { code, out, error } = await run(typed)
    t.equal(code, 0)
    t.equal(out, alone.out)
    t.equal(error, '')
  }
  for (const { name, summary } of COMMANDS) t.match(alone.out.replaceAll(/\n +/g, ' '), `${name.padEnd(7)}  ${summary}`)
})

t.test('every command explains itself and each of its options', async (t) => {
  for (const { name, options } of COMMANDS) {
    const { code, out } = await run(['help', name])
    t.equal(code, 0)
    t.equal((await run([name, '--help'])).out, out)
    t.match(out, `usage: pullpath ${name}`)
    for (const option of Object.keys(options)) t.match(out, `  --${option}`)
    t.match(out, 'exit codes:')
    for (const line of out.split('\n')) t.ok(line.length <= 120, line)
  }
})

t.test('--help counts before the end of the options only', async (t) => {
  t.equal((await run(['explain', '--', '--help'])).code, 2, 'an image reference that is none')
})

t.test('the version is that of the package', async (t) => {
  t.match(await run(['--version']), { code: 0, out: /^pullpath \d+\.\d+\.\d+\n$/ })
})

t.test('an unknown command is refused with the nearest one', async (t) => {
  const cases: [string[], string][] = [
    [['chekc'], 'pullpath: unknown command "chekc" (did you mean check?) [PP_USAGE]\n'],
    [['inspect'], 'pullpath: unknown command "inspect" (see: pullpath help) [PP_USAGE]\n'],
    [['help', 'exlain'], 'pullpath: unknown command "exlain" (did you mean explain?) [PP_USAGE]\n'],
    [['--vresion'], 'pullpath: unknown option "--vresion" (did you mean --version?) [PP_USAGE]\n'],
    [['check', '--watch'], 'pullpath: check: unknown option --watch (see: pullpath help check) [PP_USAGE]\n'],
  ]
  for (const [typed, error] of cases) t.same(await run(typed), { code: 2, out: '', error })
})
