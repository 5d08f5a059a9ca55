import t from 'tap'
import type { PullChoice, PullVia } from '../../src/drift/pull.ts'
import { PullpathError } from '../../src/errors.ts'
import { showsToken } from '../../src/server/bearer-token.ts'
import { PULL, serverOf } from './shown-node.ts'

const TOKEN = 'a-token-of-the-operators-own'
const WITH_TOKEN = { authorization: `Bearer ${TOKEN}` }

function post(app: ReturnType<typeof serverOf>, payload: object, headers: Record<string, string> = WITH_TOKEN) {
  return app.inject({ method: 'POST', url: '/api/v1/pulls', payload, headers })
}

t.test('pulls are chosen by source, method and number', async (t) => {
  const asked: PullChoice[] = []
  const app = serverOf({
    pulls: (choice) => {
      asked.push(choice)
      return [PULL]
    },
  })
  t.same((await app.inject('/api/v1/pulls')).json(), [PULL])
  t.equal((await app.inject('/api/v1/pulls?source=fallback&method=containerd&limit=5')).statusCode, 200)
  t.same(asked, [{}, { source: 'fallback', method: 'containerd', limit: 5 }])
  for (const query of ['source=none', 'limit=0', 'limit=-1', 'limit=x', 'limit=99999', 'other=1']) {
    const { statusCode, body } = await app.inject(`/api/v1/pulls?${query}`)
    t.equal(statusCode, 400, query)
    t.match(JSON.parse(body), { code: 'PP_REQUEST_INVALID', advice: /./ })
    if (query === 'limit=x') t.equal(JSON.parse(body).advice, 'limit must be a whole number from 1 to 9999')
  }
})

t.test('one pull is found by its id; one that is not over is said to be', async (t) => {
  const app = serverOf()
  t.same((await app.inject(`/api/v1/pulls/${PULL.id}`)).json(), PULL)
  const underWay = await app.inject('/api/v1/pulls/under-way')
  t.same([underWay.statusCode, underWay.json()], [202, { id: 'under-way' }])
  t.match(await app.inject('/api/v1/pulls/none'), { statusCode: 404 })
})

t.test('without a token file nobody may start a measurement', async (t) => {
  const app = serverOf({ measure: () => t.fail('it was started') as never })
  const { statusCode, body } = await post(app, { via: 'path' })
  t.equal(statusCode, 403)
  t.match(JSON.parse(body), { code: 'PP_FORBIDDEN', advice: 'set http.tokenFile' })
})

t.test('a token file that is of no use is no fault of who asks', async (t) => {
  const token = () => {
    throw new PullpathError('PP_FILE_UNREADABLE', 'http.tokenFile cannot be read: ENOENT')
  }
  const { statusCode, body } = await post(serverOf({ token }), { via: 'path' })
  t.equal(statusCode, 503)
  t.match(JSON.parse(body), { code: 'PP_FILE_UNREADABLE' })
})

t.test('a body that is not said to be JSON is refused, with the header that it needs', async (t) => {
  const headers = { ...WITH_TOKEN, 'content-type': 'application/x-www-form-urlencoded' }
  const request = { method: 'POST', url: '/api/v1/pulls', payload: '{"via":"path"}', headers } as const
  const { statusCode, body } = await serverOf({ token: () => TOKEN }).inject(request)
  t.equal(statusCode, 415)
  t.match(JSON.parse(body), { advice: /content-type: application\/json/ })
})

t.test('only who shows the token starts a measurement', async (t) => {
  const started: PullVia[] = []
  const measure = (via: PullVia) => {
    started.push(via)
    return { id: 'under-way' }
  }
  const app = serverOf({ token: () => TOKEN, measure })
  for (const authorization of ['', 'Bearer', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, TOKEN, 'Bearer a b']) {
    const { statusCode, headers, body } = await post(app, { via: 'path' }, { authorization })
    t.equal(statusCode, 401, authorization)
    t.equal(headers['www-authenticate'], 'Bearer')
    t.notMatch(body, TOKEN)
  }
  t.same(started, [])
  const { statusCode, body } = await post(app, { via: 'path' })
  t.same([statusCode, JSON.parse(body)], [202, { id: 'under-way' }])
  for (const payload of [{}, { via: 'somehow' }, { via: 'path', image: 'other' }]) {
    t.equal((await post(app, payload)).statusCode, 400, JSON.stringify(payload))
  }
  t.same(started, ['path'], 'only what makes sense, and never another image')
})

t.test('one at a time, and not too often', async (t) => {
  const refusing = (code: 'PP_MEASUREMENT_BUSY' | 'PP_MEASUREMENT_LIMITED' | 'PP_NOT_READY') =>
    serverOf({
      token: () => TOKEN,
      measure: () => {
        throw new PullpathError(code, 'not now')
      },
    })
  t.equal((await post(refusing('PP_MEASUREMENT_BUSY'), { via: 'path' })).statusCode, 409)
  const limited = await post(refusing('PP_MEASUREMENT_LIMITED'), { via: 'path' })
  t.same([limited.statusCode, limited.headers['retry-after']], [429, '10'])
  t.equal((await post(refusing('PP_NOT_READY'), { via: 'path' })).statusCode, 503)
})

t.test('tokens are compared whole', async (t) => {
  t.equal(showsToken(`bearer ${TOKEN}`, TOKEN), true)
  t.equal(showsToken(`Bearer ${TOKEN.slice(1)}`, TOKEN), false)
  t.equal(showsToken(undefined, TOKEN), false)
})
