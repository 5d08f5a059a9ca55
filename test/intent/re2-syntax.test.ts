import t from 'tap'
import { re2Fault } from '../../src/intent/re2-syntax.ts'

t.test('expressions that Go takes', async (t) => {
  const accepted = [
    '',
    ':latest$',
    '^docker\\.io/',
    '^(?:ghcr|quay)\\.io/(?i)team/',
    '(?P<a>x)(?<b>y)',
    'a{2,5}b{1000}c{,5}{',
    'a*?b+?c??',
    'a*(?i)*',
    '[]a^-][^]x][[:alpha:]_-]',
    '[\\d-z]\\pL\\p{Greek}\\x{1F600}\\Qa+b\\E+',
    '^*$',
    '}]',
  ]
  for (const it of accepted) t.equal(re2Fault(it), null, it)
})

t.test('expressions that Go refuses, and why', async (t) => {
  const table = [
    ['(?!x)', /lookaround/],
    ['(?<=x)', /lookaround/],
    ['(a)\\1', /back-references/],
    ['a**', /repetition of a repetition/],
    ['a++', /repetition of a repetition/],
    ['*.io', /nothing to repeat/],
    ['a|*', /nothing to repeat/],
    ['(a', /missing closing \)/],
    ['a)', /unexpected \)/],
    ['[a', /missing closing \]/],
    ['[z-a]', /invalid range/],
    ['[[:word', /missing closing \]/],
    ['[[:foo:]]', /invalid class/],
    ['a{1001}', /invalid repeat count/],
    ['a{3,2}', /invalid repeat count/],
    ['\\Z', /invalid escape/],
    ['\\p{Foo}', /invalid class/],
    ['(?<a>x)(?<a>y)', /invalid group name/],
    ['a\\', /trailing backslash/],
  ] as const
  for (const [pattern, fault] of table) t.match(re2Fault(pattern), fault, pattern)
})
