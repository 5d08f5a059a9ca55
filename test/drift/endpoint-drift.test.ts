import t from 'tap'
import { evaluate } from '../../src/drift/evaluate.ts'
import { directoryNode, type TreeNode } from '../../src/hosts/tree.ts'
import type { Intent } from '../../src/intent/intent.ts'
import {
  daemonFacts,
  HOSTS_DIR,
  intentOf,
  mirror,
  nodeFacts,
  observing,
  spegelIntent,
  talosIntent,
} from '../fixtures/intents.ts'
import { spegelDirectory, spegelFile, spegelHarbor, talosDirectory } from '../fixtures/node-states.ts'

const HARBOR = '192.168.1.106'
const PROXY = `http://${HARBOR}/v2/dockerhub`
const talos = talosIntent([mirror(HARBOR, [`http://${HARBOR}`]), mirror('docker.io', [PROXY])])
const intent = intentOf(talos, spegelIntent(['https://docker.io', `http://${HARBOR}`]))

const PROXY_TABLE = `[host.'${PROXY}']\ncapabilities = ['pull', 'resolve']`
const DOCKER = `${spegelFile('https://registry-1.docker.io')}\n\n${PROXY_TABLE}`
const backup = directoryNode([['docker.io', talosDirectory(`[host]\n${PROXY_TABLE}\n`)]])

/** The node as Git asks, but for these entries. */
function findings(entries: Readonly<Record<string, TreeNode>>, declared: Intent = intent) {
  const usual = { _backup: backup, 'docker.io': spegelDirectory(DOCKER), [HARBOR]: spegelDirectory(spegelHarbor()) }
  const tree = directoryNode(Object.entries({ ...usual, ...entries }))
  return evaluate(declared, observing(tree), daemonFacts(), nodeFacts()).findings
}

const harborFile = (text: string) => ({ [HARBOR]: spegelDirectory(text) })
const table = (url: string, more = '') => `[host.'${url}']\ncapabilities = ['pull', 'resolve']\n${more}`
const target = (port: number) => table(`http://192.168.1.98:${port}`, "dial_timeout = '200ms'\n")
const server = `server = 'http://${HARBOR}'\n`

t.test('what differs endpoint by endpoint has a reason of its own', async (t) => {
  const cases: readonly (readonly [string, Readonly<Record<string, TreeNode>>, readonly string[], string])[] = [
    ['nothing', {}, [], ''],
    [
      'the order',
      harborFile(`${server}${target(30021)}${target(30020)}`),
      [`${HARBOR}/endpoint-order`],
      'in another order than declared',
    ],
    [
      'one of two targets',
      harborFile(`${server}${target(30020)}`),
      [`${HARBOR}/endpoint-missing`],
      'does not ask http://192.168.1.98:30021 for',
    ],
    [
      'an endpoint too many',
      harborFile(`${server}${table('http://cache.lan')}${target(30020)}${target(30021)}`),
      [`${HARBOR}/endpoint-unexpected`],
      'asks http://cache.lan for 192.168.1.106, which nobody declared',
    ],
    [
      'the dial timeout of a target',
      harborFile(`${server}${target(30020).replace('200ms', '5s')}${target(30021)}`),
      [`${HARBOR}/endpoint-options`],
      'http://192.168.1.98:30020/v2 (peer, dial_timeout 5s) is asked in another way than',
    ],
    [
      'a target that is not asked for tags',
      harborFile(`${server}${target(30020).replace(", 'resolve'", '')}${target(30021)}`),
      [`${HARBOR}/endpoint-options`],
      'http://192.168.1.98:30020/v2 (peer, digests only, dial_timeout 200ms)',
    ],
    [
      'a header on a target',
      harborFile(`${server}${target(30020)}[host.'http://192.168.1.98:30020'.header]\nX-A = 'b'\n${target(30021)}`),
      [`${HARBOR}/endpoint-options`],
      'dial_timeout 200ms, header X-A)',
    ],
    [
      "Talos' endpoint, which _backup still has",
      { 'docker.io': spegelDirectory(spegelFile('https://registry-1.docker.io')) },
      ['docker.io/origin-dropped'],
      `${PROXY} of docker.io survives only in _backup`,
    ],
    [
      "Talos' endpoint, and _backup too",
      { 'docker.io': spegelDirectory(spegelFile('https://registry-1.docker.io')), _backup: directoryNode() },
      ['docker.io/endpoint-missing'],
      `containerd does not ask ${PROXY} for docker.io`,
    ],
    [
      'the registry itself, behind its peers',
      harborFile(`server = 'httpx://${HARBOR}'\n${target(30020)}${target(30021)}`),
      [`${HARBOR}/plain-http-lost`],
      'declared over http, but containerd asks only peers',
    ],
  ]
  for (const [what, entries, ids, summary] of cases) {
    const found = findings(entries)
    t.same(
      found.map((it) => it.id),
      ids,
      what,
    )
    t.match(found[0]?.summary ?? '', summary, what)
    for (const finding of found) t.not(finding.remedy.length, 0, `${what}: a remedy`)
  }
})

t.test('a secret header is named and its value is nowhere', async (t) => {
  const secret = 'Basic c2VjcmV0'
  const found = findings(
    harborFile(`${server}${table('http://c.lan', `[host.'http://c.lan'.header]\nX = '${secret}'\n`)}`),
  )
  t.match(JSON.stringify(found), 'header X')
  t.notMatch(JSON.stringify(found), secret)
})

t.test('a file that nothing reads is one finding, whatever it would have said', async (t) => {
  const cases: readonly (readonly [string, TreeNode, string])[] = [
    [
      'a regular file in its place',
      spegelDirectory('').entries.get('hosts.toml') ?? directoryNode(),
      'not a directory',
    ],
    ['an unreadable CA', spegelDirectory(`${server}ca = 'missing.crt'\n`), 'no such file'],
    ['a word that is no capability', spegelDirectory(`${server}capabilities = ['pul']\n`), 'unknown capability pul'],
  ]
  for (const [what, node, summary] of cases) {
    const found = findings({ [HARBOR]: node })
    t.same(
      found.map((it) => it.id),
      [`${HARBOR}/hosts-file-invalid`],
      what,
    )
    t.match(found[0]?.summary, summary, what)
  }
})

t.test('what cannot be seen is no drift of its registry', async (t) => {
  const blind: TreeNode = { kind: 'unreadable', code: 'EACCES', message: 'permission denied' }
  const found = findings({ [HARBOR]: blind })
  t.same(
    found.map((it) => it.id),
    ['node/unreadable'],
  )
  t.match(found[0]?.evidence, [{ text: /permission denied/, source: `${HOSTS_DIR}/${HARBOR}` }])
})

t.test('a single target is told in the singular', async (t) => {
  const single = intentOf(talos, spegelIntent([`http://${HARBOR}`], { mirrorTargets: ['http://$(NODE_IP):30020'] }))
  const found = findings(harborFile(`${server}${table(`http://${HARBOR}`)}`), single)
  t.match(found.find((it) => it.reason === 'peer-mirror-missing')?.summary, "Spegel's one target is not asked")
})
