import t from 'tap'
import type { Explanation } from '../../src/containerd/explanation.ts'
import { renderPathDrawing } from '../../src/render/path-drawing.ts'
import { endpoint, ORIGIN, PEER } from './sample-report.ts'

/** All was given, and all of it counts. */
const READ = { assumed: [], notes: [] }
const PLAIN = { colour: false, width: 100 }
const FILE = { path: '/etc/cri/conf.d/hosts/192.168.1.106/hosts.toml', writer: 'spegel' } as const

function explanation(facts: Partial<Explanation> = {}): Explanation {
  return {
    image: '192.168.1.106/library/app:v1',
    registry: '192.168.1.106',
    containerd: { version: '2.2.5', pullMode: 'local' },
    directory: '/etc/cri/conf.d/hosts/192.168.1.106',
    endpoints: [PEER, ORIGIN],
    resolveRequests: [
      'HEAD http://192.168.1.98:29999/v2/library/app/manifests/v1?ns=192.168.1.106',
      'HEAD http://192.168.1.106/v2/library/app/manifests/v1',
    ],
    fetchRequests: [
      'GET http://192.168.1.98:29999/v2/library/app/manifests/<digest>?ns=192.168.1.106',
      'GET http://192.168.1.106/v2/library/app/manifests/<digest>',
    ],
    notes: [],
    error: null,
    witness: null,
    ...facts,
  }
}

t.test('the path is drawn in order, with what each endpoint is asked and what comes after it', async (t) => {
  t.equal(
    renderPathDrawing(explanation(), FILE, { assumed: ['containerd 2.2.5'], notes: [] }, PLAIN),
    `192.168.1.106/library/app:v1
  containerd  2.2.5, local pull
  directory   /etc/cri/conf.d/hosts/192.168.1.106
  hosts.toml  /etc/cri/conf.d/hosts/192.168.1.106/hosts.toml, written by Spegel

1  http://192.168.1.98:29999/v2  peer mirror (Spegel's), from a [host] table of hosts.toml
   │ HEAD http://192.168.1.98:29999/v2/library/app/manifests/v1?ns=192.168.1.106
   │ GET http://192.168.1.98:29999/v2/library/app/manifests/<digest>?ns=192.168.1.106
   └ has it not, or no connection within 200ms: on to 2

2  http://192.168.1.106/v2  the registry itself, from the server line of hosts.toml
   │ HEAD http://192.168.1.106/v2/library/app/manifests/v1
   │ GET http://192.168.1.106/v2/library/app/manifests/<digest>
   └ has it not: the pull fails

Assumed:
  - containerd 2.2.5
`,
  )
})

t.test('an endpoint that is asked over https first shows both requests and says so', async (t) => {
  const first = endpoint('https://192.168.1.106/v2', { httpsFirst: true, resolve: false })
  const requests = ['GET https://192.168.1.106/v2/a', 'GET http://192.168.1.106/v2/a']
  const text = renderPathDrawing(
    explanation({ endpoints: [first], resolveRequests: [], fetchRequests: requests }),
    null,
    READ,
    PLAIN,
  )
  for (const request of requests) t.match(text, `   │ ${request}\n`)
  t.match(text, '   │ over https first; over http where the answer is not TLS\n')
  t.match(text, '   │ not asked to resolve a tag: its capabilities lack resolve\n')
  t.match(text, '  hosts.toml  none\n')
})

t.test('a failing path says that nobody is asked; an unseen one that it cannot be told', async (t) => {
  const message = 'a regular file stands there'
  const failing = explanation({ endpoints: [], error: { code: 'NOT_A_DIRECTORY', message } })
  t.match(renderPathDrawing(failing, null, READ, PLAIN), `\nThe pull fails before anybody is asked: ${message}\n`)
  const unseen = explanation({ endpoints: [], error: { code: 'NOT_SEEN', message } })
  t.match(renderPathDrawing(unseen, null, READ, PLAIN), `\nWhat containerd does cannot be told: ${message}\n`)
})

t.test('notes keep their code, so that they can be looked up', async (t) => {
  const text = renderPathDrawing(
    explanation({ notes: [{ code: 'FILE_EMPTY', message: '0 bytes' }] }),
    FILE,
    READ,
    PLAIN,
  )
  t.match(text, '\nNotes:\n  - 0 bytes [FILE_EMPTY]\n')
})

t.test(
  "what does not count of the daemon's configuration stands among the notes, not among what is assumed",
  async (t) => {
    const daemon = { assumed: [], notes: ['registry is ignored (/etc/cri/conf.d/cri.toml:3:1)'] }
    const text = renderPathDrawing(explanation(), FILE, daemon, PLAIN)
    t.match(text, '\nNotes:\n  - registry is ignored (/etc/cri/conf.d/cri.toml:3:1)\n')
    t.notMatch(text, 'Assumed:')
  },
)

t.test('a digest is looked for among the manifests of all, then among the blobs of all', async (t) => {
  const requests = ['manifests', 'blobs'].map((kind) => `HEAD http://192.168.1.106/v2/a/${kind}/sha256:0`)
  const digest = explanation({ endpoints: [ORIGIN], resolveRequests: requests, fetchRequests: [] })
  t.match(
    renderPathDrawing(digest, FILE, READ, PLAIN),
    '\n  order       a digest: the manifests of all endpoints first',
  )
  t.notMatch(renderPathDrawing(explanation(), FILE, READ, PLAIN), '\n  order ')
})
