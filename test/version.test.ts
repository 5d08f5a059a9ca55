import t from 'tap'
import { compareVersions, isAtLeast, parseVersion, type Version } from '../src/version.ts'

function version(text: string): Version {
  const parsed = parseVersion(text)
  if (parsed === null) throw new TypeError(text)
  return parsed
}

t.test('versions as releases, packages and builds write them', async (t) => {
  const cases: readonly (readonly [string, readonly [number, number, number, string] | null])[] = [
    ['2.1.9', [2, 1, 9, '']],
    [' v1.13.6\n', [1, 13, 6, '']],
    ['2.1', [2, 1, 0, '']],
    ['2.1.9+unknown', [2, 1, 9, '']],
    ['1.7.24~ds1', [1, 7, 24, '']],
    ['1.7.24-0ubuntu1', [1, 7, 24, '']],
    ['2.0.0-rc.4', [2, 0, 0, 'rc.4']],
    ['1.14.0-alpha.0-12-gabcdef', [1, 14, 0, 'alpha.0']],
    ['2', null],
    ['latest', null],
    ['2.1.x', null],
    ['', null],
  ]
  for (const [text, parts] of cases) {
    const parsed = parseVersion(text)
    t.same(parsed && [parsed.major, parsed.minor, parsed.patch, parsed.pre], parts, text)
  }
})

t.test('a version keeps its text, so that it is shown as it was given', async (t) => {
  t.equal(version('v2.1.9+unknown').text, 'v2.1.9+unknown')
})

t.test('the order of versions', async (t) => {
  const inOrder = ['1.7.34', '2.0.0-alpha.1', '2.0.0-beta.0', '2.0.0-rc.2', '2.0.0-rc.10', '2.0.0', '2.0.10', '2.1.0']
  for (const [index, text] of inOrder.entries()) {
    for (const [other, that] of inOrder.entries()) {
      t.equal(Math.sign(compareVersions(version(text), version(that))), Math.sign(index - other), `${text} ${that}`)
    }
  }
  t.equal(compareVersions(version('v2.1.9+unknown'), version('2.1.9')), 0, 'packaging is no difference')
})

t.test('a bound is met by itself and by what is newer', async (t) => {
  t.equal(isAtLeast(version('2.0.7'), '2.0.7'), true)
  t.equal(isAtLeast(version('2.1.0'), '2.0.7'), true)
  t.equal(isAtLeast(version('2.0.6'), '2.0.7'), false)
  t.equal(isAtLeast(version('2.0.7-rc.1'), '2.0.7'), false)
  t.throws(() => isAtLeast(version('2.0.7'), 'newest'), TypeError)
})
