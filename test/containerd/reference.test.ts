import fc from 'fast-check'
import t from 'tap'
import { MAX_REPOSITORY, parseImageReference, REPOSITORY_PATTERN } from '../../src/containerd/reference.ts'

const SHA = `sha256:${'ab'.repeat(32)}`

t.test('normalises as CRI does', async (t) => {
  const cases: readonly (readonly [string, string, string, string])[] = [
    ['nginx', 'docker.io/library/nginx:latest', 'docker.io', 'library/nginx'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27', 'docker.io', 'library/nginx'],
    ['team/app', 'docker.io/team/app:latest', 'docker.io', 'team/app'],
    ['index.docker.io/nginx', 'docker.io/library/nginx:latest', 'docker.io', 'library/nginx'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest', 'docker.io', 'library/nginx'],
    [
      'registry-1.docker.io/library/nginx',
      'registry-1.docker.io/library/nginx:latest',
      'registry-1.docker.io',
      'library/nginx',
    ],
    ['192.168.1.106/library/app:v1', '192.168.1.106/library/app:v1', '192.168.1.106', 'library/app'],
    ['192.0.2.2:6005/a/b/c:v1', '192.0.2.2:6005/a/b/c:v1', '192.0.2.2:6005', 'a/b/c'],
    ['localhost/app', 'localhost/app:latest', 'localhost', 'app'],
    ['localhost:5000/app', 'localhost:5000/app:latest', 'localhost:5000', 'app'],
    ['[fd00::2]:5000/app:v1', '[fd00::2]:5000/app:v1', '[fd00::2]:5000', 'app'],
    ['GHCR.IO/team/app', 'GHCR.IO/team/app:latest', 'GHCR.IO', 'team/app'],
    [`ghcr.io/team/app@${SHA}`, `ghcr.io/team/app@${SHA}`, 'ghcr.io', 'team/app'],
  ]
  for (const [text, image, registry, repository] of cases) {
    const found = parseImageReference(text)
    t.same([found.image, found.registry, found.repository], [image, registry, repository], text)
  }
})

t.test('a tag beside a digest is dropped', async (t) => {
  const found = parseImageReference(`nginx:1.27@${SHA}`)
  t.same([found.tag, found.digest, found.image], [null, SHA, `docker.io/library/nginx@${SHA}`])
})

t.test('refuses what containerd refuses, in its words', async (t) => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /invalid reference format/],
    ['docker.io/Team/App', /must be lowercase/],
    [`nginx@SHA256:${'ab'.repeat(32)}`, /must be lowercase/],
    ['nginx:', /invalid reference format/],
    ['nginx:-v1', /invalid reference format/],
    [`nginx:${'a'.repeat(129)}`, /invalid reference format/],
    ['ghcr.io//app', /invalid reference format/],
    ['ghcr.io/app/', /invalid reference format/],
    ['https://ghcr.io/app', /invalid reference format/],
    ['ghcr.io/a b', /invalid reference format/],
    ['ab'.repeat(32), /64-byte hexadecimal/],
    [`ghcr.io/${'a'.repeat(256)}`, /more than 255/],
    [`nginx@sha256:${'ab'.repeat(31)}`, /digest length/],
    [`nginx@sha256:${'AB'.repeat(32)}`, /digest format/],
    [`nginx@md5:${'ab'.repeat(16)}`, /unsupported digest algorithm/],
  ]
  for (const [text, message] of cases) {
    t.throws(() => parseImageReference(text), { code: 'PP_REFERENCE_INVALID', message }, text)
  }
})

t.test('any text is read or refused, and what is read stays as it is when read again', async (t) => {
  const part = fc.constantFrom(
    'a',
    'B',
    'nginx',
    '/',
    ':',
    '@',
    '.',
    '-',
    '_',
    '5000',
    'localhost',
    '[fd00::1]',
    SHA,
    ' ',
  )
  const text = fc.oneof(
    fc.string(),
    fc.array(part, { maxLength: 8 }).map((it) => it.join('')),
  )
  const property = fc.property(text, (it) => {
    try {
      const { image } = parseImageReference(it)
      return parseImageReference(image).image === image
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'PP_REFERENCE_INVALID'
    }
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 3000 }))
})

const REPOSITORY = new RegExp(REPOSITORY_PATTERN, 'u')

t.test('what is taken for a repository is read as it stands when a tag follows', async (t) => {
  for (const text of [
    '192.168.1.106/library/pullpath-canary',
    'harbor.home.arpa/library/canary',
    'harbor:8080/canary',
    'localhost/canary',
    '[fd00::2]/canary',
    '[fd00::2]:5000/a/b_c/d--e',
    'GHCR.IO/team/app',
  ]) {
    t.match(text, REPOSITORY)
  }
  for (const text of [
    '',
    'canary',
    'harbor/canary',
    '192.168.1.106',
    '192.168.1.106/',
    '192.168.1.106/library/canary:tag-0',
    `192.168.1.106/library/canary@${SHA}`,
    '192.168.1.106/library/Canary',
    'http://192.168.1.106/library/canary',
    '192.168.1.106/library/canary/',
    '192.168.1.106/library/canary\n',
    ' 192.168.1.106/library/canary',
    'localhost:/canary',
    '[ab]/canary',
    '-a.b/canary',
    'a.b/c___d',
  ]) {
    t.notMatch(text, REPOSITORY, JSON.stringify(text))
  }
})

t.test('a repository of any length that is allowed: taken and read are the same', async (t) => {
  const part = fc.constantFrom(
    'a',
    'B',
    '0',
    '.',
    '-',
    '_',
    '/',
    ':',
    '@',
    'a.b',
    ':80',
    '/x',
    '[::1]',
    '[',
    ']',
    '\n',
    'localhost',
  )
  const text = fc.array(part, { maxLength: 12 }).map((it) => it.join(''))
  const long = fc.integer({ min: 230, max: 250 }).map((count) => `a.b/${'c'.repeat(count)}`)
  /** Read with a tag behind it as itself, and by its own registry. */
  const isRead = (it: string) => {
    try {
      const { registry, repository, tag } = parseImageReference(`${it}:tag-0`)
      const isOwn = registry === 'localhost' || /[.:]/.test(registry)
      return isOwn && `${registry}/${repository}` === it && tag === 'tag-0'
    } catch {
      return false
    }
  }
  fc.assert(
    fc.property(fc.oneof(text, long), (it) => {
      // Docker Hub's short forms are read as something longer.
      if (it.startsWith('docker.io/') || it.startsWith('index.docker.io/')) return true
      return (it.length <= MAX_REPOSITORY && REPOSITORY.test(it)) === isRead(it)
    }),
    { numRuns: 20_000 },
  )
  t.doesNotThrow(() => parseImageReference(`docker.io/${'a'.repeat(MAX_REPOSITORY - 10)}:tag-0`), 'library/ and all')
})
