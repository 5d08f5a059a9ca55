import { Ajv } from 'ajv'
import t, { type Test } from 'tap'
import { PullpathError } from '../../src/errors.ts'
import { ROUTES } from '../../src/server/routes.ts'
import { PULL, reportOf, SECRETS, serverOf } from './shown-node.ts'

const IMAGE = '192.168.1.106/library/app:v1'
const PATHS = Object.keys(ROUTES).map((path) => path.replace(':registry', '192.168.1.106').replace(':id', PULL.id))
const withQuery = (path: string) => (path.endsWith('explain') ? `${path}?image=${IMAGE}` : path)

t.test('every route answers, to HEAD too', async (t) => {
  const app = serverOf()
  for (const path of PATHS.map(withQuery)) {
    const { statusCode, body, headers } = await app.inject(path)
    t.equal(statusCode, 200, path)
    t.not(body, '', path)
    t.equal(headers['x-content-type-options'], 'nosniff')
    const head = await app.inject({ method: 'HEAD', url: path })
    t.same([head.statusCode, head.body], [200, ''], `HEAD ${path}`)
  }
})

t.test('every JSON answer ends with a newline, and says its length to HEAD too', async (t) => {
  const app = serverOf()
  const wrong = ['/nowhere', '/api/v1/findings?reason=none', '/api/v1/registries/none', '/%zz']
  for (const url of [...PATHS.map(withQuery), ...wrong]) {
    const { body, headers } = await app.inject(url)
    if (!String(headers['content-type']).startsWith('application/json')) continue
    t.match(body, /[\]}]\n$/, url)
    t.equal(headers['content-length'], `${Buffer.byteLength(body)}`, url)
    const head = await app.inject({ method: 'HEAD', url })
    t.equal(head.headers['content-length'], headers['content-length'], `HEAD ${url}`)
  }
  t.match((await app.inject({ method: 'DELETE', url: '/livez' })).body, /\}\n$/)
})

t.test('openapi.json names every route, and every answer is valid by it', async (t) => {
  const app = serverOf()
  const openapi = (await app.inject('/openapi.json')).json()
  t.same(
    Object.keys(openapi.paths).sort(),
    Object.keys(ROUTES)
      .map((path) => path.replace(/:(registry|id)$/, '{$1}'))
      .sort(),
  )
  t.equal(openapi.info.version, '1.2.3')
  const isValid = answersOf(t, openapi)
  for (const path of ['report', 'findings', 'registries', 'explain', 'pulls']) {
    const { body } = await app.inject(withQuery(`/api/v1/${path}`))
    isValid(`/api/v1/${path}`, 200, JSON.parse(body))
  }
  for (const { registry } of reportOf().registries) {
    const { body } = await app.inject(`/api/v1/registries/${encodeURIComponent(registry)}`)
    isValid('/api/v1/registries/{registry}', 200, JSON.parse(body))
    t.equal(JSON.parse(body).registry, registry)
  }
  isValid('/api/v1/pulls/{id}', 200, (await app.inject(`/api/v1/pulls/${PULL.id}`)).json())
  isValid('/api/v1/pulls/{id}', 202, (await app.inject('/api/v1/pulls/under-way')).json())
  isValid('/api/v1/registries/{registry}', 404, (await app.inject('/api/v1/registries/none')).json())
  isValid('/api/v1/findings', 400, (await app.inject('/api/v1/findings?reason=none')).json())
  isValid('/api/v1/report', 503, (await serverOf({ report: () => null }).inject('/api/v1/report')).json())
})

/** Checks an answer by the schema that the document has for it. */
function answersOf(t: Test, openapi: object) {
  const ajv = new Ajv({ strict: false })
  ajv.addSchema(openapi, 'openapi')
  return (path: string, status: number, answer: unknown) => {
    const pointer = ['paths', path, 'get', 'responses', status, 'content', 'application/json', 'schema']
      .map((part) => encodeURIComponent(String(part).replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/')
    t.ok(ajv.validate(`openapi#/${pointer}`, answer), `${path} ${status}: ${ajv.errorsText()}`)
  }
}

t.test('findings are chosen by registry and reason', async (t) => {
  const app = serverOf()
  const all = reportOf().findings
  t.ok(all.length > 2)
  const chosen = async (query: string) => (await app.inject(`/api/v1/findings?${query}`)).json()
  t.same(await chosen(''), JSON.parse(JSON.stringify(all)))
  t.same(
    (await chosen('registry=192.168.1.106')).map(({ id }: { id: string }) => id),
    all.filter(({ registry }) => registry === '192.168.1.106').map(({ id }) => id),
  )
  t.match(await chosen('registry=192.168.1.106&reason=peer-mirror-missing'), [
    { id: '192.168.1.106/peer-mirror-missing' },
  ])
  t.same(await chosen('registry=unknown.example'), [])
})

const WRONG: readonly (readonly [string, number, string])[] = [
  ['/nothing', 404, 'nothing is served here'],
  ['/api/v1/pushes', 404, 'nothing is served here'],
  ['/api/v1/registries/..%2f..', 404, 'no registry of that name is declared or present on this node'],
  ['/api/v1/registries/..%2f..%2fetc%2fpasswd', 404, 'no registry of that name is declared or present on this node'],
  ['/api/v1/registries/../../metrics/x', 404, 'nothing is served here'],
  ['/api/v1/registries/%00', 404, 'no registry of that name is declared or present on this node'],
  ['/api/v1/registries/%zz', 400, "'/api/v1/registries/%zz' is not a valid url component"],
  ['/api/v1/findings?reason=x', 400, 'reason: "x" is not allowed'],
  ['/api/v1/findings?reasn=x', 400, 'unknown parameter "reasn"'],
  ['/api/v1/findings?registry=a&registry=b', 400, 'registry: ["a","b"] is not allowed'],
  ['/api/v1/explain', 400, 'image is not given'],
  ['/api/v1/explain?image=', 400, 'image: "" is not allowed'],
  ['/api/v1/explain?image=a%20b', 400, 'failed to parse image reference "a b": invalid reference format'],
]

t.test('wrong requests have their answers', async (t) => {
  const app = serverOf()
  for (const [url, status, message] of WRONG) {
    const { statusCode, body } = await app.inject(url)
    t.equal(statusCode, status, url)
    t.match(JSON.parse(body), { code: /^PP_/, message, advice: /\S/ }, url)
  }
  t.match(
    (await app.inject('/nothing')).json().advice,
    /^served: \/, \/metrics, .*\/api\/v1\/explain, .*\/openapi\.json$/,
  )
  t.equal((await app.inject('/api/v1/findings?reasn=x')).json().advice, 'did you mean reason?')
})

t.test('a long path is refused without being repeated', async (t) => {
  const { statusCode, body } = await serverOf().inject(`/api/v1/registries/${'a'.repeat(5000)}`)
  t.equal(statusCode, 414)
  t.ok(body.length < 500)
  t.equal((await serverOf().inject(`/api/v1/explain?image=${'a'.repeat(2000)}`)).statusCode, 400)
})

t.test('other methods are refused before a body is read', async (t) => {
  const app = serverOf()
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const) {
    for (const url of PATHS) {
      const payload = method === 'TRACE' || method === 'OPTIONS' ? {} : { payload: 'x'.repeat(100_000) }
      const { statusCode, headers, body } = await app.inject({ method: method as 'POST', url, ...payload })
      if (method === 'POST' && url === '/api/v1/pulls') continue
      t.equal(statusCode, 405, `${method} ${url}`)
      t.match(headers.allow, /^GET, HEAD/)
      t.match(JSON.parse(body), { code: 'PP_REQUEST_INVALID', advice: 'use GET' })
    }
  }
  t.equal((await app.inject({ method: 'POST', url: '/nothing' })).statusCode, 404)
  t.equal((await app.inject({ method: 'PROPFIND' as 'GET', url: '/' })).statusCode, 405)
})

const WANTED: readonly (readonly [string | undefined, 'text/plain' | 'text/html'])[] = [
  [undefined, 'text/plain'],
  ['*/*', 'text/plain'],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html'],
  ['TEXT/HTML', 'text/html'],
  ['text/html;q=0', 'text/plain'],
  ['text/plain, text/html;q=0.5', 'text/plain'],
  ['text/plain;q=0.5, text/html', 'text/html'],
  [';;q=,,', 'text/plain'],
]

t.test('/ is text for curl and a page for a browser', async (t) => {
  const app = serverOf()
  for (const [accept, type] of WANTED) {
    const { headers, body } = await app.inject({ url: '/', headers: accept === undefined ? {} : { accept } })
    t.equal(headers['content-type'], `${type}; charset=utf-8`, String(accept))
    t.match(body, 'peer-mirror-missing')
    t.equal(headers.vary, 'accept')
  }
})

t.test('the page shows what stands on the node as text, whatever it is', async (t) => {
  const { body, headers } = await serverOf().inject({ url: '/', headers: { accept: 'text/html' } })
  t.notMatch(body, /<script|<img/)
  t.match(body, '&#60;img src=x&#62;')
  t.match(headers['content-security-policy'], "default-src 'none'")
})

t.test('no secret is shown anywhere', async (t) => {
  const app = serverOf()
  const urls = [
    ...PATHS.map(withQuery),
    '/api/v1/registries/secrets.example',
    '/api/v1/explain?image=secrets.example/a:b',
    '/readyz?verbose',
  ]
  for (const url of urls) {
    for (const accept of ['*/*', 'text/html']) {
      const { body } = await app.inject({ url, headers: { accept } })
      for (const secret of SECRETS) t.notOk(body.includes(secret), `${url} has no ${secret}`)
    }
  }
})

t.test('before the first evaluation: not ready, and come again', async (t) => {
  const app = serverOf({
    report: () => null,
    explain: () => {
      throw new PullpathError('PP_NOT_READY', 'the inputs are not read yet')
    },
  })
  const later = ['/', '/api/v1/report', '/api/v1/findings', '/api/v1/registries', '/api/v1/registries/a']
  for (const url of [...later, `/api/v1/explain?image=${IMAGE}`]) {
    const { statusCode, headers, body } = await app.inject(url)
    t.equal(statusCode, 503, url)
    t.equal(headers['retry-after'], '1', url)
    t.match(JSON.parse(body), { code: 'PP_NOT_READY' })
  }
  t.equal((await app.inject('/readyz')).statusCode, 503)
  t.match((await app.inject('/readyz?verbose')).body, /\[-\]evaluation.*\nnot ready\n$/)
  for (const url of ['/livez', '/healthz', '/metrics', '/openapi.json']) {
    t.equal((await app.inject(url)).statusCode, 200, url)
  }
})

t.test('while stopping it is alive and not ready', async (t) => {
  const app = serverOf({ stopping: () => true })
  t.equal((await app.inject('/livez')).statusCode, 200)
  const { statusCode, body } = await app.inject('/readyz?verbose')
  t.equal(statusCode, 503)
  t.match(body, /^\[-\]stopping\n/)
})

t.test('readyz lists inputs that are down and stays ready', async (t) => {
  const inputs = [{ input: 'hosts', up: false, message: '/etc: permission denied' } as const]
  const app = serverOf({ report: () => ({ ...reportOf(), inputs: [...inputs] }) })
  const { statusCode, body } = await app.inject('/readyz?verbose')
  t.equal(statusCode, 200)
  t.match(body, '[-]input hosts /etc: permission denied\n')
})

t.test('a fault of Pullpath itself is told to the log and not to the client', async (t) => {
  const errors: Error[] = []
  const fault = () => {
    throw new TypeError('secret detail')
  }
  const app = serverOf({ report: fault, metrics: async () => fault() }, (error) => errors.push(error))
  for (const url of ['/', '/api/v1/report', '/metrics', '/readyz']) {
    const { statusCode, body } = await app.inject(url)
    t.equal(statusCode, 500, url)
    t.match(JSON.parse(body), { code: 'PP_INTERNAL' })
    t.notMatch(body, 'secret detail')
  }
  t.equal(errors.length, 4)
})
