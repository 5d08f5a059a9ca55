/**
 * containerd's own proof of what it asks, of real daemons: beside the prediction, with nothing left behind.
 *
 *   npx tap test/daemon/witness.e2e.ts
 *
 * PULLPATH_CASES and PULLPATH_SEED as in differential.e2e.ts; every daemon of PULLPATH_CONTAINERD from 2.1 on is tested
 * too. Needs root and what `.ci/tools` unpacks. Everything happens on the loopback of a network namespace of its own.
 */
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { WitnessComparison } from '../../src/containerd/witness-comparison.ts'
import { isAtLeast } from '../../src/version.ts'
import { run } from '../commands/run.ts'
import { pullCase } from './generate/pull-cases.ts'
import { runSettings } from './generate/seed.ts'
import type { HostsFiles } from './hosts-files.ts'
import { makeImage, type TestImage } from './image.ts'
import type { ListenerPlan, Plan, PlannedAnswer } from './plan.ts'
import { referenceOf } from './pull-case.ts'
import { withRealDaemons } from './real-daemons.ts'
import type { Recorded } from './registry.ts'
import { HARBOR } from './site.ts'
import { furtherContainerds, unpackedContainerd } from './tools.ts'
import { WitnessedNode } from './witnessed-node.ts'

/** Each once found a disagreement that was none; what is found with others belongs among them. */
const SEEDS = (process.env.PULLPATH_WITNESS_SEEDS ?? '12,1795647344,1795650096').split(',').map(Number)

async function testAll(): Promise<void> {
  t.setTimeout(0)
  const able = [unpackedContainerd(2), ...furtherContainerds()].filter((it) => isAtLeast(it.version, '2.1.0'))
  for (const containerd of able) {
    await t.test(`containerd ${containerd.version.text}`, async (t) => {
      t.setTimeout(0)
      await testWitness(t, await WitnessedNode.start(t, containerd))
    })
  }
  await t.test('a containerd below 2.1 is refused, and nothing is left in it', async (t) => {
    const containerd = unpackedContainerd(1)
    const node = await WitnessedNode.start(t, containerd)
    await t.rejects(node.fetch(caseOf({ files: SPEGEL_TREE, plan: planOf({}) })), {
      code: 'PP_WITNESS_UNSUPPORTED',
      message: `containerd ${containerd.version.text} cannot say what it asks`,
      advice: 'the witness needs containerd 2.1 or later',
    })
    t.strictSame(await node.leftBehind(), [])
  })
}

const PEER = '127.0.0.2:5000'
const ORIGIN = `${HARBOR}:80`
const NOT_FOUND = { kind: 'status', status: 404 } as const satisfies PlannedAnswer
const HAS_NOTHING: ListenerPlan = { head: [NOT_FOUND], manifests: [NOT_FOUND], blobs: [NOT_FOUND] }

/** As Spegel writes it over Talos' entry. */
const SPEGEL_TREE = treeOf(`server = 'http://${HARBOR}'

[host.'http://${PEER}']
capabilities = ['pull', 'resolve']
dial_timeout = '200ms'

[host.'http://${HARBOR}']
capabilities = ['pull', 'resolve']`)
/** As Talos alone writes it. */
const TALOS_TREE = treeOf(`[host]
  [host.'http://${HARBOR}']
    capabilities = ['pull', 'resolve']
`)
/** Without prependExisting and with an https server: http is lost. */
const HTTP_LOST_TREE = treeOf(`server = 'https://${HARBOR}'

[host.'http://${PEER}']
capabilities = ['pull', 'resolve']
dial_timeout = '200ms'`)
const FILTERED_TREE = treeOf(`server = 'http://${HARBOR}'
[host.'http://127.0.0.3:5000']
capabilities = ['push']
[host.'http://127.0.0.4:5000']
capabilities = ['pull']
[host.'http://${PEER}']
capabilities = ['pull', 'resolve']`)
const GUARDED_TREE = treeOf(`server = 'http://${HARBOR}'
[host.'http://127.0.0.3:5000']
skip_verify = true
[host.'http://127.0.0.4:5000']
[host.'http://127.0.0.4:5000'.header]
Authorization = 'Bearer SECRET-OF-HOSTS-TOML'`)

function treeOf(hostsToml: string): HostsFiles {
  return { [`hosts/${HARBOR}/hosts.toml`]: hostsToml }
}

function planOf(listeners: Plan['listeners']): Plan {
  return { otherwise: {}, listeners: { [PEER]: HAS_NOTHING, ...listeners }, keepAlive: false }
}

let images = 0

function newImage(options: Partial<Parameters<typeof makeImage>[1]> = {}): TestImage {
  images += 1
  return makeImage(`library/witness-${images}`, { layers: 2, index: true, ...options })
}

function caseOf<T extends { files: HostsFiles; plan: Plan; image?: TestImage }>(given: T) {
  const { image = newImage() } = given
  return { ...given, image, reference: `${HARBOR}/${image.repository}:v1` }
}

async function testWitness(t: Test, node: WitnessedNode): Promise<void> {
  const check = (name: string, test: (t: Test) => Promise<void>) =>
    t.test(name, async (t) => {
      t.setTimeout(0)
      await test(t)
      t.strictSame(await node.leftBehind(), [], 'nothing is left in the namespace of the witness')
      const others = await Promise.all(['k8s.io', 'default'].map((it) => node.client.inNamespace(it).leases([])))
      t.strictSame(others.flat(), [], 'and no lease anywhere else')
    })

  await check('peer mirror without the image, then the origin: the same list twice', async (t) => {
    const { comparison, recorded } = await node.fetch(caseOf({ files: SPEGEL_TREE, plan: planOf({}) }))
    isSameListTwice(t, comparison)
    t.equal(comparison.error, null)
    // Resolve, index, manifest, config and two layers, each at the peer and at the origin.
    t.equal(comparison.requests.length, 12)
    t.strictSame(sorted(witnessedLines(comparison)), sorted(recordedLines(recorded)), 'as the registries saw it')
    t.strictSame(
      comparison.requests.slice(0, 2).map((it) => it.status),
      [404, 200],
    )
    t.ok(
      comparison.requests.slice(0, 6).every((it) => it.milliseconds !== null),
      'with their times',
    )
  })

  await check('http lost behind a peer that answers 404: the same list, and the words of the failure', async (t) => {
    const { comparison } = await node.fetch(caseOf({ files: HTTP_LOST_TREE, plan: planOf({}) }))
    isSameListTwice(t, comparison)
    t.match(
      comparison.requests.map((it) => it.predicted),
      [`HEAD http://${PEER}/`, `HEAD https://${HARBOR}/`],
    )
    t.strictSame(
      comparison.requests.map((it) => it.status),
      [404, null],
    )
    t.match(comparison.error, /^failed to resolve image: .*: not found$/)
  })

  await check('a tree with capabilities: filtered for the resolve, not for the fetch', async (t) => {
    const { comparison } = await node.fetch(
      caseOf({ files: FILTERED_TREE, plan: planOf({ '127.0.0.3:5000': HAS_NOTHING }) }),
    )
    isSameListTwice(t, comparison)
    t.match(
      comparison.requests.map((it) => it.witnessed),
      [`HEAD ${PEER}/`, `HEAD ${HARBOR}/`, 'GET 127.0.0.3:5000/'],
    )
  })

  await check('tokens, redirects, https first and credentials: they agree, and no secret is kept', async (t) => {
    const challenge = { scheme: 'bearer', realm: 'http://127.0.0.3:5000/token', service: 'x' } as const
    const guarded: PlannedAnswer[] = [{ kind: 'guarded', challenge }]
    const plan = planOf({
      '127.0.0.3:5000': {
        head: guarded,
        manifests: [{ kind: 'redirect', status: 307, to: `http://${PEER}` }],
        blobs: [{ kind: 'reset' }],
      },
      '127.0.0.4:5000': HAS_NOTHING,
    })
    const { comparison, recorded } = await node.fetch(caseOf({ files: GUARDED_TREE, plan }))
    t.equal(comparison.agrees, true, JSON.stringify(comparison))
    t.ok(
      recorded.some((it) => it.kind === 'request' && it.authorized),
      'there were secrets to keep',
    )
    t.ok(
      comparison.requests.some((it) => it.verdict === 'aside' && it.witnessed?.startsWith('GET 127.0.0.3:5000/token')),
    )
    t.notMatch(JSON.stringify(comparison), /SECRET|planned|Bearer|Authorization/i)
  })

  await check('the command: prediction and proof side by side, and its exit code', async (t) => {
    const given = caseOf({ files: SPEGEL_TREE, plan: planOf({}) })
    const typed = ['explain', given.reference, '--witness', '--hosts-dir', node.hostsDir, '--socket', node.socket]
    const { code, out, error } = await node.serving(given, () => run(typed, { width: 120 }))
    t.equal(code, 0, error)
    t.match(out, '\nAgrees: containerd asked what is predicted, 12 requests in that order.\n')
    t.match(
      out,
      /\n {4}HEAD http:\/\/127\.0\.0\.2:5000\/v2\/…\?ns=192\.168\.1\.106 +HEAD 127\.0\.0\.2:5000\/v2\/…\S+ +404, \d+ ms\n/,
    )
  })

  await check('a view that shows another tree than the daemon has: it disagrees', async (t) => {
    const cases = [
      { files: SPEGEL_TREE, seen: TALOS_TREE, verdict: 'unexpected', line: new RegExp(`^HEAD ${PEER}/`) },
      { files: TALOS_TREE, seen: SPEGEL_TREE, verdict: 'missing', line: new RegExp(`^HEAD http://${PEER}/`) },
      { files: {}, seen: SPEGEL_TREE, verdict: 'missing', line: new RegExp(`^HEAD http://${PEER}/`) },
      { files: HTTP_LOST_TREE, seen: SPEGEL_TREE, verdict: 'missing', line: new RegExp(`^HEAD http://${HARBOR}/`) },
    ]
    for (const { verdict, line, ...trees } of cases) {
      const { comparison } = await node.fetch(caseOf({ ...trees, plan: planOf({}) }))
      t.equal(comparison.agrees, false, JSON.stringify(comparison))
      const row = comparison.requests.find((it) => it.verdict === verdict)
      t.match(row?.predicted ?? row?.witnessed ?? '', line)
    }
  })

  await check('content that the node has: what was not asked for proves nothing', async (t) => {
    const image = newImage()
    const given = caseOf({ files: SPEGEL_TREE, plan: planOf({}), image })
    await node.serving(given, () => node.client.cri.pullImage(given.reference, 20_000))
    const { comparison } = await node.fetch(given)
    t.equal(comparison.agrees, null, JSON.stringify(comparison))
    t.match(comparison.unjudged, [/containerd has its manifest already/])
    await node.client.cri.removeImage(given.reference)
  })

  await check('a layer of 2 MiB: cut short before it is asked for, and no disagreement', async (t) => {
    for (const options of [
      { layers: 1, index: false, layerBytes: 2 << 20 },
      { layers: 3, index: true, layerBytes: 700 << 10 },
    ]) {
      const { comparison } = await node.fetch(
        caseOf({ files: SPEGEL_TREE, plan: planOf({}), image: newImage(options) }),
      )
      t.equal(comparison.agrees, null, JSON.stringify(comparison))
      t.match(
        comparison.cutShort,
        /^the manifest sha256:[0-9a-f]+ names contents of 2\d{6} bytes, and a witness carries 1048576 at most$/,
      )
      t.equal(comparison.error, null)
      t.ok(
        comparison.requests.some((it) => it.verdict === 'same'),
        'what came before it is there',
      )
    }
  })

  await check('a fetch that fails in the middle, or does not end: no disagreement', async (t) => {
    const cases: [string, ListenerPlan, RegExp][] = [
      ['a blob that fails', { blobs: [{ kind: 'status', status: 500 }] }, /^failed to copy/],
      ['a blob that breaks off', { blobs: [{ kind: 'half' }] }, /was not done within 2000 ms/],
      ['a silent registry', { manifests: [{ kind: 'silent' }] }, /was not done within 2000 ms/],
    ]
    for (const [name, origin, words] of cases) {
      const { comparison } = await node.fetch({
        ...caseOf({ files: SPEGEL_TREE, plan: planOf({ [ORIGIN]: origin }) }),
        deadline: 2000,
      })
      t.not(comparison.agrees, false, `${name}: ${JSON.stringify(comparison)}`)
      t.match(comparison.error, words, name)
      t.strictSame(await node.leftBehind(), [], name)
    }
  })

  await check('a daemon that is killed in the middle: nothing is left once it is there again', async (t) => {
    const given = caseOf({ files: SPEGEL_TREE, plan: planOf({ [ORIGIN]: { blobs: [{ kind: 'silent' }] } }) })
    let held: object[] = []
    const { comparison } = await node.fetch({
      ...given,
      meanwhile: async () => {
        const isFetching = (it: object) => 'ref' in it && String(it.ref).startsWith('layer-')
        for (;;) {
          held = await node.leftBehind()
          if (held.some(isFetching)) return node.restart()
          await delay(20)
        }
      },
    })
    t.ok(held.length >= 3, 'there were a lease, content and an ingest')
    t.equal(comparison.agrees, null, JSON.stringify(comparison))
    t.match(comparison.unjudged, ['what was to come is not known: the fetch was broken off'])
  })

  await check('whatever tree and answers: it never disagrees', async (t) => {
    const count = Math.ceil(runSettings().cases / 4)
    t.comment(`seeds ${SEEDS.join(', ')}; PULLPATH_WITNESS_SEEDS names others`)
    const verdicts = new Map<boolean | null, number>()
    for (const pull of SEEDS.flatMap((seed) => fc.sample(pullCase, { numRuns: count, seed }))) {
      const image = newImage(pull)
      const { files, plan } = pull
      const { comparison } = await node.fetch({ files, plan, image, reference: referenceOf(pull, image) })
      const { agrees } = comparison
      verdicts.set(agrees, (verdicts.get(agrees) ?? 0) + 1)
      if (agrees === false) t.comment(JSON.stringify({ comparison, pull }, null, 1))
      t.not(agrees, false)
    }
    t.comment([...verdicts].map(([agrees, times]) => `${times} ${agrees}`).join(', '))
    t.ok((verdicts.get(true) ?? 0) >= count * SEEDS.length * 0.8, 'nearly all can be judged, and agree')
  })
}

function isSameListTwice(t: Test, comparison: WitnessComparison): void {
  t.equal(comparison.agrees, true, JSON.stringify(comparison))
  const predicted = comparison.requests.map((it) => it.predicted?.replace(/ https?:\/\//, ' '))
  t.strictSame(witnessedLines(comparison), predicted)
}

function witnessedLines({ requests }: WitnessComparison): (string | null)[] {
  return requests.map((it) => it.witnessed)
}

function recordedLines(recorded: readonly Recorded[]): string[] {
  return recorded.flatMap((it) => (it.kind === 'request' ? [`${it.method} ${it.host}${it.target}`] : []))
}

function sorted<T>(lines: readonly T[]): T[] {
  return [...lines].sort()
}

await withRealDaemons(t, testAll)
