import t from 'tap'
import type { ComparedRequest, WitnessComparison } from '../../src/containerd/witness-comparison.ts'
import { renderWitness } from '../../src/render/witness-drawing.ts'

const WIDE = { colour: false, width: 120 }
const NARROW = { colour: false, width: 80 }
const DIGEST = `sha256:${'0123456789ab'}${'c'.repeat(52)}`
const PEER = '192.168.1.98:29999'
const ORIGIN = '192.168.1.106'

function row(method: string, host: string, object: string, facts: Partial<ComparedRequest> = {}): ComparedRequest {
  const path = `/v2/library/app/manifests/${object}${host === PEER ? `?ns=${ORIGIN}` : ''}`
  return {
    object,
    predicted: `${method} http://${host}${path}`,
    witnessed: `${method} ${host}${path}`,
    verdict: 'same',
    status: 200,
    milliseconds: 4.2,
    ...facts,
  }
}

function comparison(facts: Partial<WitnessComparison> = {}): WitnessComparison {
  return {
    reference: `${ORIGIN}/library/app:v1`,
    registry: ORIGIN,
    hostsDir: '/etc/cri/conf.d/hosts',
    file: '/etc/cri/conf.d/hosts/192.168.1.106/hosts.toml',
    containerd: '2.1.9',
    at: '2026-11-25T12:00:00.000Z',
    requests: [
      row('HEAD', PEER, 'v1', { status: 404, milliseconds: 1.6 }),
      row('HEAD', ORIGIN, 'v1'),
      row('GET', ORIGIN, DIGEST),
    ],
    agrees: true,
    unjudged: [],
    cutShort: null,
    error: null,
    ...facts,
  }
}

t.test('two columns where there is room: the same list twice, object by object, and a verdict', async (t) => {
  t.equal(
    renderWitness(comparison(), 'local', WIDE),
    `containerd's own proof
  containerd  2.1.9, its transfer service
  directory   /etc/cri/conf.d/hosts
  It proves the rules and the view of these files, not CRI's own pull mode (local) or its credentials.

resolve  library/app/manifests/v1
    predicted                                             witnessed
    HEAD http://192.168.1.98:29999/v2/…?ns=192.168.1.106  HEAD 192.168.1.98:29999/v2/…?ns=192.168.1.106  404, 2 ms
    HEAD http://192.168.1.106/v2/…                        HEAD 192.168.1.106/v2/…                        200, 4 ms

fetch  library/app/manifests/sha256:0123456789ab
    predicted                      witnessed
    GET http://192.168.1.106/v2/…  GET 192.168.1.106/v2/…  200, 4 ms

Agrees: containerd asked what is predicted, 3 requests in that order.
`,
  )
})

t.test('one below the other where there is none', async (t) => {
  const text = renderWitness(comparison(), 'transfer', NARROW)
  t.match(text, '\n    HEAD http://192.168.1.98:29999/v2/…?ns=192.168.1.106  404, 2 ms\n')
  t.ok(
    text.split('\n').every((line) => line.length <= 80),
    text,
  )
})

t.test('what differs carries its mark, and the verdict counts it', async (t) => {
  const requests = [
    row('HEAD', PEER, 'v1', { witnessed: null, verdict: 'missing', status: null, milliseconds: null }),
    row('HEAD', 'stranger', 'v1', { predicted: null, verdict: 'unexpected', status: null, milliseconds: null }),
    row('HEAD', ORIGIN, 'v1', { verdict: 'order' }),
    {
      ...row('GET', ORIGIN, 'v1', { predicted: null, verdict: 'aside' }),
      witnessed: 'GET 192.168.1.106/service/token',
    },
  ]
  const text = renderWitness(comparison({ requests, agrees: false }), 'local', WIDE)
  t.match(text, /\n {2}- HEAD http:\/\/192\.168\.1\.98:29999\/v2\/…\?ns=192\.168\.1\.106 +not asked\n/)
  t.match(text, /\n {2}\+ +HEAD stranger\/v2\/… +no answer seen\n/)
  t.match(text, /\n {2}~ HEAD http:/)
  t.match(text, /\n {2}· +GET 192\.168\.1\.106\/service\/token +200, 4 ms\n/)
  const verdict = 'Disagrees: 1 predicted and not asked, 1 asked and not predicted, 1 asked in another order.'
  t.match(text, `\n${verdict} Pullpath's rules, or its view\nof these files, are wrong.\n`)
})

t.test('what could not be judged is said, with why; so is a fetch that failed or was cut short', async (t) => {
  const unjudged = ['contents were not asked for: containerd has them already']
  const cut = comparison({
    agrees: null,
    unjudged,
    cutShort: 'the manifest names contents of 2 MiB',
    error: 'not found',
  })
  const text = renderWitness(cut, 'local', WIDE)
  t.match(text, '\nThe fetch was cut short: the manifest names contents of 2 MiB.\n')
  t.match(text, '\nThe fetch failed: not found\n')
  t.match(text, '\nNot proven: nothing differs in 3 requests, but not all could be judged.\nNot judged:\n  - contents')
})

t.test('what a registry or a file says cannot speak to the terminal', async (t) => {
  const text = renderWitness(comparison({ error: 'a\u001b[2Jb', hostsDir: '/a\nb' }), 'local', WIDE)
  for (const raw of ['\u001b', '/a\nb']) t.notOk(text.includes(raw), JSON.stringify(raw))
})

t.test('in colour the verdict and the differences are painted', async (t) => {
  const text = renderWitness(comparison(), 'local', { ...WIDE, colour: true })
  t.match(text, '\u001b[32mAgrees:')
})
