import { truncateSync } from 'node:fs'
import t from 'tap'
import { fixture, INTENT, run } from './run.ts'

const TALOS = ['--talos', fixture('machine-registries.yaml')]

t.test('wrong input is one line that says what, where and what to do; the exit code is 2', async (t) => {
  const dir = t.testdir({ 'config.yaml': 'watch: { setle: 1s }\n', large: '', binary: Buffer.from([0xff, 0xfe, 0]) })
  truncateSync(`${dir}/large`, 20 * 1024 * 1024)
  const cases: [string, string[], RegExp][] = [
    ['no input', ['check'], /nothing to read: give --talos FILE and --spegel FILE, or --config FILE/],
    [
      'missing file',
      ['check', '--talos', '/none/a.yaml'],
      /\/none\/a\.yaml: no such file or directory.*\[PP_FILE_UNREADABLE\]/,
    ],
    ['a directory', ['expect', '--talos', dir], /is a directory.*\[PP_FILE_UNREADABLE\]/],
    ['a binary', ['expect', '--talos', `${dir}/binary`], /binary: not UTF-8.*\[PP_FILE_UNREADABLE\]/],
    ['too much', ['expect', '--talos', `${dir}/large`], /large: larger than 1 MiB.*\[PP_FILE_UNREADABLE\]/],
    ['no YAML', ['expect', '--talos', fixture('not-yaml.yaml')], /not-yaml\.yaml:\d+:\d+: .*\[PP_YAML_INVALID\]/],
    ['no address', ['check', ...TALOS], /the node's address is not known: give --node-ip IP/],
    [
      'wrong address',
      ['check', ...TALOS, '--node-ip', '192.168.1'],
      /"192\.168\.1" is not an IP.*\[PP_ADDRESS_INVALID\]/,
    ],
    [
      'wrong version',
      ['check', ...INTENT, '--containerd-version', 'new'],
      /"new" is not a version.*\[PP_VERSION_INVALID\]/,
    ],
    ['old containerd', ['check', ...INTENT, '--containerd-version', '1.6.20'], /1\.6\.20.*\[PP_VERSION_UNSUPPORTED\]/],
    [
      'old Spegel',
      ['check', ...TALOS, '--node-ip', '::1', '--spegel', fixture('helmrelease-old.yaml')],
      /0\.0\.30.*\[PP_VERSION_UNSUPPORTED\]/,
    ],
    ['wrong mode', ['check', ...INTENT, '--pull-mode', 'fast'], /"fast" is neither local nor transfer/],
    ['two forms', ['check', ...INTENT, '--json', '--brief'], /--json and --brief exclude each other/],
    [
      'wrong reference',
      ['explain', 'docker.io/Library/app', '--hosts-dir', dir],
      / \(write it as in a pod: .*\) \[PP_REFERENCE_INVALID\]/,
    ],
    ['missing configuration', ['check', '--config', '/none.yaml'], /\/none\.yaml.*\[PP_FILE_UNREADABLE\]/],
    [
      'wrong configuration',
      ['agent', '--config', `${dir}/config.yaml`],
      /config\.yaml:1:10: .*"setle".*did you mean settle\?/,
    ],
    ['unknown scenario', ['demo', '--scenario', 'talos-rsync'], /did you mean talos-resync\?.*\[PP_SCENARIO_UNKNOWN\]/],
    ['wrong port', ['demo', '--port', '70000'], /"70000" is not a port: 0 to 65535/],
  ]
  for (const [name, typed, expected] of cases) {
    const { code, out, error } = await run(typed)
    t.equal(code, 2, name)
    t.equal(out, '', name)
    t.match(error, expected, name)
    t.equal(error.trimEnd().split('\n').length, 1, `${name}: one line`)
  }
})
