/** The witness over a real socket, from a daemon in memory: what is kept, what is dropped, and what is left behind. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { DaemonClient } from '../../../src/containerd/client/daemon-client.ts'
import { DaemonRefusal } from '../../../src/containerd/client/daemon-error.ts'
import { openDaemonClient } from '../../../src/containerd/client/grpc-daemon-client.ts'
import { takeWitness, WITNESS_NAMESPACE } from '../../../src/containerd/client/take-witness.ts'
import type { Witness, WitnessedRequest } from '../../../src/containerd/witness.ts'
import { viewOf } from '../../../src/hosts/file-view.ts'
import { ROOT, treeOf } from '../node.ts'
import { MemoryDaemon } from './memory-daemon.ts'
import { WireDouble } from './wire-double.ts'

const directory = mkdtempSync(join(tmpdir(), 'pullpath-witness-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

const TRANSFER = 'containerd.services.transfer.v1.Transfer/Transfer'
const REFERENCE = '192.168.1.106/library/app:v1'
const TASK = {
  reference: REFERENCE,
  hostsDir: ROOT,
  platform: { os: 'linux', architecture: 'amd64' },
  deadline: 10_000,
}
const digestOf = (digit: string) => `sha256:${digit.repeat(64)}`
const HOSTS_TOML = "server = 'http://192.168.1.106'\n[host.'http://192.168.1.98:29999']"

function request(facts: Partial<WitnessedRequest>): WitnessedRequest {
  return {
    method: 'GET',
    host: '192.168.1.106',
    path: '/v2/library/app/manifests/v1',
    ns: null,
    status: 200,
    isUncertain: false,
    digest: null,
    hasLength: true,
    challenge: null,
    refusesToken: false,
    redirectedFrom: null,
    sentAt: 0,
    answeredAt: 0,
    ...facts,
  }
}

const PEER = { host: '192.168.1.98:29999', ns: '192.168.1.106', status: 404 }

/** A peer without the image, then the origin. */
function whole(): Witness {
  const objects = ['manifests/v1', `manifests/${digestOf('a')}`, `blobs/${digestOf('c')}`, `blobs/${digestOf('1')}`]
  const requests = objects.flatMap((it, index) => {
    const path = `/v2/library/app/${it}`
    const method = index === 0 ? 'HEAD' : 'GET'
    const digest = index === 0 ? digestOf('a') : it.slice(it.indexOf('/') + 1)
    return [request({ method, path, ...PEER }), request({ method, path, digest })]
  })
  const manifests: Witness['manifests'] = [
    { digest: digestOf('a'), kind: 'image', names: [digestOf('c'), digestOf('1')] },
  ]
  return { requests, manifests, error: null, cutShort: null }
}

interface Started {
  daemon: MemoryDaemon
  double: WireDouble
  client: DaemonClient
}

let count = 0

async function start(t: Test, witness: Witness): Promise<Started> {
  const daemon = new MemoryDaemon()
  daemon.witness = witness
  const double = new WireDouble(daemon, join(directory, `${++count}.sock`))
  await double.start()
  const client = openDaemonClient(double.socket, { answer: 300, removal: 300, alive: 200 })
  t.teardown(() => {
    client.close()
    double.stop()
  })
  return { daemon, double, client }
}

function leftBehind({ daemon }: Started): unknown[] {
  const { images, leases, ingests } = daemon.store(WITNESS_NAMESPACE)
  return [...images.keys(), ...leases.keys(), ...ingests]
}

const order = (hostsToml = HOSTS_TOML) => {
  const view = viewOf(new Map([[ROOT, treeOf({ '192.168.1.106': { 'hosts.toml': hostsToml } })]]))
  return { image: REFERENCE, hostsDir: ROOT, view, deadline: 10_000 }
}

t.test('the dialogue comes over the wire, without what must not be kept, and nothing is left', async (t) => {
  const started = await start(t, whole())
  const witness = await started.client.inNamespace(WITNESS_NAMESPACE).witness(TASK)
  const untimed = ({ sentAt: _, answeredAt: __, ...it }: WitnessedRequest) => it
  t.strictSame(witness.requests.map(untimed), whole().requests.map(untimed))
  t.strictSame(witness.manifests, whole().manifests)
  t.notMatch(JSON.stringify(witness), 'SECRET')
  t.match(started.daemon.witnessTask, { reference: REFERENCE, hostsDir: ROOT })
  t.strictSame(leftBehind(started), [])
})

t.test('it is compared with the prediction for the directory by the rules of the transfer service', async (t) => {
  const started = await start(t, whole())
  const comparison = await takeWitness(started.client, order())
  t.equal(comparison.agrees, true, JSON.stringify(comparison))
  t.match(comparison, { containerd: '2.1.9+unknown', hostsDir: ROOT, reference: REFERENCE })
  const other = await takeWitness(started.client, order("server = 'http://192.168.1.106'"))
  t.equal(other.agrees, false)
})

t.test('a fetch that fails is a part of the answer', async (t) => {
  const words = 'failed to resolve image: not found'
  const error = new DaemonRefusal(TRANSFER, { code: 5, details: words })
  const started = await start(t, { ...whole(), requests: whole().requests.slice(0, 1), manifests: [], error })
  const witness = await started.client.inNamespace(WITNESS_NAMESPACE).witness(TASK)
  t.match(witness.error, { code: 'PP_DAEMON_REFUSED', message: words })
  t.equal(witness.requests.length, 1)
  t.strictSame(leftBehind(started), [])
})

t.test('contents beyond a MiB: it is cut short, which is no error', async (t) => {
  const names = Array.from({ length: 11 }, (_, index) => digestOf(index.toString(16)))
  const manifests: Witness['manifests'] = [{ digest: digestOf('a'), kind: 'image', names }]
  const started = await start(t, { ...whole(), manifests })
  started.double.contentSize = 100_000
  started.double.hanging.add(TRANSFER)
  const witness = await started.client.inNamespace(WITNESS_NAMESPACE).witness(TASK)
  t.match(witness, { error: null, cutShort: /^the manifest sha256:a+ names contents of 1100000 bytes/ })
  t.equal(witness.requests.length, 4, 'up to the manifest')
  t.strictSame(leftBehind(started), [])
})

t.test('a fetch that does not end is ended by its deadline, or by who asked for it', async (t) => {
  const started = await start(t, whole())
  started.double.hanging.add(TRANSFER)
  const own = started.client.inNamespace(WITNESS_NAMESPACE)
  t.match(await own.witness({ ...TASK, deadline: 200 }), { error: { code: 'PP_DAEMON_UNFINISHED' } })
  const ending = new AbortController()
  const witness = own.witness({ ...TASK, signal: ending.signal })
  await pendingCall(started.double)
  ending.abort()
  t.match(await witness, { error: { code: 'PP_DAEMON_UNREACHABLE' } })
  t.strictSame(leftBehind(started), [])
})

t.test('a daemon that goes away in the middle is waited for, so that nothing is left', async (t) => {
  const started = await start(t, whole())
  started.double.hanging.add(TRANSFER)
  const witness = started.client.inNamespace(WITNESS_NAMESPACE).witness(TASK)
  await pendingCall(started.double)
  t.equal(leftBehind(started).length, 1, 'the lease')
  started.double.stop()
  await started.double.start()
  t.match(await witness, { error: { code: 'PP_DAEMON_UNREACHABLE' } })
  t.strictSame(leftBehind(started), [])
})

t.test('a containerd below 2.1 is refused by its version, before anything is asked', async (t) => {
  const started = await start(t, whole())
  for (const version of ['1.7.24~ds1', 'v2.0.11', '2.0.0-rc.4']) {
    started.daemon.version = version
    await t.rejects(takeWitness(started.client, order()), {
      code: 'PP_WITNESS_UNSUPPORTED',
      message: `containerd ${version} cannot say what it asks`,
      advice: 'the witness needs containerd 2.1 or later',
    })
  }
  t.equal(started.daemon.witnessTask, null)
  started.daemon.version = '2.1.0-beta.1'
  t.equal((await takeWitness(started.client, order())).agrees, true)
})

t.test('no socket: the error of the client', async (t) => {
  const client = openDaemonClient(join(directory, 'none.sock'))
  t.teardown(() => client.close())
  await t.rejects(takeWitness(client, order()), { code: 'PP_DAEMON_UNREACHABLE' })
})

/** Until the fetch has come in. */
async function pendingCall(double: WireDouble): Promise<void> {
  while ((double.pending.get(TRANSFER) ?? 0) === 0) await new Promise((resolve) => setImmediate(resolve))
}
