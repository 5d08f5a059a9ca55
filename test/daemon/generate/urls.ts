import fc from 'fast-check'

/** `host[:port]` of the site, and some where nobody answers. */
const AUTHORITIES = [
  '127.0.0.1:5000',
  '127.0.0.2:5000',
  '127.0.0.3:5000',
  'mirror.test:5000',
  '127.0.0.2:5001',
  '127.0.0.2:5002',
  '127.0.0.3',
  '127.0.0.4',
  'mirror.test',
  'registry.test',
  '192.168.1.106',
  '192.168.1.106:5000',
  '127.0.0.2:80',
  '127.0.0.2:443',
  'localhost:5000',
  '[::1]:5000',
  '[::1]',
  '127.0.0.2:5009',
  'unknown.test:5000',
  'MIRROR.test:5000',
  '127.0.0.2:',
] as const

export const authority = fc.constantFrom(...AUTHORITIES)

const PATHS = [
  '/',
  '/v2',
  '/v2/',
  '/x',
  '/x/v2',
  '/x/v2/',
  '/v2/proxy',
  '//x//y/',
  '/x/../v2',
  '/./',
  '/a b',
  '/a%20b',
] as const

const path = fc.oneof({ weight: 6, arbitrary: fc.constant('') }, { weight: 2, arbitrary: fc.constantFrom(...PATHS) })
const scheme = fc.oneof(
  { weight: 6, arbitrary: fc.constant('http://') },
  { weight: 3, arbitrary: fc.constant('https://') },
  { weight: 2, arbitrary: fc.constantFrom('', '', '', 'HTTP://', 'Https://', 'httpx://') },
)

/** What people write by mistake, and what Go's parser makes something unexpected of. */
const ODD_URLS = [
  '',
  'http://',
  'https://',
  'http:',
  'http:127.0.0.2:5000',
  'httpmirror.test',
  'httpd.test:5000',
  'ftp://127.0.0.2:5000',
  'http://user:pass@127.0.0.2:5000',
  'http://127.0.0.2:5000?ns=x',
  'http://127.0.0.2:5000/x#part',
  'http://%zz',
  'http://127.0.0.2:port',
  'http://127.0.0.2:5000:5001',
  'http://[::1',
  'http://::1:5000',
  'http://127.0.0.2 :5000',
  '//127.0.0.2:5000',
  '127.0.0.2:5000/x',
  '://127.0.0.2',
  'http:///v2',
  'http://127.0.0.2:5000/%2e%2e/x',
  'http://127.0.0.2:5000/a%3Fb',
  'http://127.0.0.2:99999',
] as const

/** A key of a `host` table, or the value of `server`. */
export const endpointUrl = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(scheme, authority, path).map((parts) => parts.join('')) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD_URLS) },
)

/** Without a path: where a redirect or a challenge leads to. */
export const origin = fc
  .tuple(fc.constantFrom('http://', 'http://', 'https://'), authority)
  .map((parts) => parts.join(''))
