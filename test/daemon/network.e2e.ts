/**
 * That nothing leaves the network that the daemons under test live in: no interface but the loopback, no route out,
 * and pulls of names and addresses of the world that fail within it. Needs root and what `.ci/tools` unpacks.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { startNetwork } from './network.ts'
import { testedProfiles, withDaemon } from './profiles.ts'
import type { PullCase } from './pull-case.ts'
import { withRealDaemons } from './real-daemons.ts'
import { HARBOR } from './site.ts'

/** Of the blocks that are kept for documents, so that nobody would be asked even where the isolation fails. */
const OUTSIDE = ['203.0.113.1', '192.168.1.107', '2001:db8::1']

await withRealDaemons(t, () => {
  t.test('the namespace has a loopback, and no way out', testNamespace)
  for (const tested of testedProfiles()) {
    const name = `${tested.containerd.version.text}, ${tested.profile} configuration`
    t.test(`a pull from the world fails within: containerd ${name}`, (t) =>
      withDaemon(tested, async (daemon) => {
        for (const [registry, words] of [
          ['ghcr.io', /lookup ghcr\.io/],
          ['203.0.113.1', /network is unreachable/],
          ['192.168.1.107:5000', /network is unreachable/],
        ] as const) {
          const { seen, predicted, message } = await daemon.compare(pullOf(registry))
          t.same(seen, { requests: [], outcome: 'failed' }, registry)
          t.same(predicted, seen, `${registry}: as it is predicted`)
          t.match(message, words, `${registry}: for want of a way`)
        }
      }),
    )
  }
})

async function testNamespace(t: Test): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'pullpath-network-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const network = await startNetwork(directory)
  t.teardown(() => network.stop())
  const within = (...command: string[]) =>
    execFileSync('nsenter', [`--target=${network.pid}`, '--net', '--mount', ...command], {
      encoding: 'utf8',
      env: { PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    })
  const links = JSON.parse(within('ip', '-json', 'link')) as { ifname: string; flags: string[] }[]
  t.same(
    links.filter((it) => it.flags.includes('UP')).map((it) => it.ifname),
    ['lo'],
  )
  for (const family of ['-4', '-6']) t.equal(within('ip', family, 'route', 'show', 'default').trim(), '', family)
  const program = `
    const socket = require('node:net').connect({ host: process.argv[1], port: 443 })
    socket.on('error', (error) => { console.log(error.code); process.exit() })
    socket.on('connect', () => { console.log('connected'); process.exit() })`
  const connect = (address: string) => within(process.execPath, '-e', program, address).trim()
  for (const address of OUTSIDE) t.equal(connect(address), 'ENETUNREACH', address)
  t.equal(connect('127.0.0.2'), 'connected', 'the recording registry is there')
  t.equal(connect(HARBOR), 'ECONNREFUSED', 'its address exists, and has no such port')
}

function pullOf(registry: string): PullCase {
  return {
    settings: { configPath: '$ROOTS/hosts' },
    files: {},
    image: `${registry}/REPOSITORY:v1`,
    credentials: false,
    layers: 0,
    index: false,
    plan: { otherwise: {}, listeners: {}, keepAlive: false },
  }
}
