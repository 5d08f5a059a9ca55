import t from 'tap'
import type { Command } from '../../src/commands/command.ts'
import { parseArguments } from '../../src/commands/parse-arguments.ts'
import { PullpathError } from '../../src/errors.ts'

const LISTS: Command = {
  name: 'lists',
  summary: 'takes lists',
  positionals: [],
  options: {
    talos: { value: 'FILE', multiple: true, summary: '' },
    'node-ip': { value: 'IP', summary: '' },
    json: { summary: '' },
  },
  description: '',
  run: async () => 0,
}
const IMAGE: Command = { ...LISTS, name: 'image', positionals: ['IMAGE'] }

t.test('values are taken as they are typed', async (t) => {
  const given = parseArguments(LISTS, [
    '--talos',
    'a.yaml',
    'b.yaml',
    '--json',
    '--talos=c.yaml',
    '--node-ip',
    '10.0.0.1',
  ])
  t.same(given.texts('talos'), ['a.yaml', 'b.yaml', 'c.yaml'])
  t.equal(given.text('node-ip'), '10.0.0.1')
  t.ok(given.has('json'))
  t.notOk(given.has('talos-version'))
  t.equal(given.text('talos-version'), null)
  t.same(given.texts('spegel'), [])
})

t.test('positional arguments are kept apart from values', async (t) => {
  const given = parseArguments(IMAGE, ['--talos', 'a.yaml', 'nginx'])
  t.same(given.positionals, ['nginx'])
  t.same(given.texts('talos'), ['a.yaml'])
  t.same(parseArguments(IMAGE, ['--', '--odd-name']).positionals, ['--odd-name'])
})

t.test('what the command does not know is refused, with the nearest name it knows', async (t) => {
  const cases: [Command, string[], string][] = [
    [LISTS, ['--tallos', 'a'], 'lists: unknown option --tallos (did you mean --talos?) [PP_USAGE]'],
    [LISTS, ['--zzzzzzzz'], 'lists: unknown option --zzzzzzzz (see: pullpath help lists) [PP_USAGE]'],
    [LISTS, ['-j'], 'lists: unknown option -j (see: pullpath help lists) [PP_USAGE]'],
    [LISTS, ['--json=yes'], 'lists: --json takes no value (see: pullpath help lists) [PP_USAGE]'],
    [LISTS, ['--node-ip'], 'lists: --node-ip needs a value: --node-ip IP (see: pullpath help lists) [PP_USAGE]'],
    [
      LISTS,
      ['--node-ip', '--json'],
      'lists: --node-ip needs a value: --node-ip IP (see: pullpath help lists) [PP_USAGE]',
    ],
    [LISTS, ['--node-ip='], 'lists: --node-ip needs a value: --node-ip IP (see: pullpath help lists) [PP_USAGE]'],
    [
      LISTS,
      ['--node-ip', 'a', '--node-ip', 'b'],
      'lists: --node-ip is given twice (see: pullpath help lists) [PP_USAGE]',
    ],
    [LISTS, ['stray'], 'lists: unexpected argument "stray" (see: pullpath help lists) [PP_USAGE]'],
    [IMAGE, [], 'image: IMAGE is missing (see: pullpath help image) [PP_USAGE]'],
    [IMAGE, ['a', 'b'], 'image: unexpected argument "b" (see: pullpath help image) [PP_USAGE]'],
  ]
  for (const [command, typed, line] of cases) {
    try {
      parseArguments(command, typed)
      t.fail(`accepted: ${typed.join(' ')}`)
    } catch (error) {
      t.equal(error instanceof PullpathError ? error.toLine() : error, line)
    }
  }
})
