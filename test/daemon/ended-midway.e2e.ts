/**
 * Whoever measures or proves ends in the middle: the agent on SIGTERM, a command on Ctrl-C. Real daemons are left with
 * nothing of it. Everything runs in the network namespace of the recording registry.
 *
 *   npx tap test/daemon/ended-midway.e2e.ts
 *
 * Needs root and what `.ci/tools` unpacks.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { WITNESS_NAMESPACE } from '../../src/containerd/client/take-witness.ts'
import { startAgentProcess } from './agent-process.ts'
import { CANARY_REPOSITORY, type CanarySite, NOTHING, startCanarySite } from './canary-site.ts'
import { commandInside } from './command-inside.ts'
import type { PullProfile } from './daemon-configuration.ts'
import type { PlannedAnswer } from './plan.ts'
import { onEachDaemon, USUAL_DAEMONS, withRealDaemons } from './real-daemons.ts'
import { HARBOR } from './site.ts'
import type { Containerd } from './tools.ts'

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts')
/** What is under way for good: unlike the manifest it is not over in a moment. */
const BODIES = ['ref~="^config-"', 'ref~="^layer-"']
const HALF: PlannedAnswer = { kind: 'half' }
const SERVED: PlannedAnswer = { kind: 'served' }

await withRealDaemons(t, () => onEachDaemon(t, USUAL_DAEMONS, testOne))

async function testOne(t: Test, containerd: Containerd, profile: PullProfile): Promise<void> {
  const site = await startCanarySite(t, containerd, profile)
  const { serve, left, restart } = site
  const hasWitness = containerd.version.major >= 2
  const proving = 'containerd: { PLACES, proof: { interval: 1h } }\ncanary: { tags: 1, interval: 0 }'
  const measuring =
    'containerd: { PLACES, proof: { interval: 0 } }\ncanary: { tags: 1, interval: 1s, methods: [containerd] }'

  await t.test('the agent, while it measures', async (t) => {
    await serve({ blobs: [HALF] })
    const agent = await startAgentProcess(site.network, configFile(site, measuring))
    await underWay(site)
    t.equal((await left()).leases.length, 1)
    await agent.stop()
    t.same(await left(), NOTHING)
  })

  await t.test('the agent, while containerd proves that it resolves', async (t) => {
    // A few KB, as a proof's are.
    await serve({ blobs: hasWitness ? [SERVED, HALF] : [HALF] }, { layerBytes: 0 })
    const agent = await startAgentProcess(site.network, configFile(site, proving))
    await underWay(site)
    await agent.stop()
    t.same(await left(), NOTHING)
    t.same(await left(WITNESS_NAMESPACE), NOTHING)
  })

  if (hasWitness) {
    await t.test('the agent, while containerd shows what it asks', async (t) => {
      await serve({ blobs: [HALF] })
      const agent = await startAgentProcess(site.network, configFile(site, proving))
      await underWay(site, WITNESS_NAMESPACE)
      await agent.stop()
      t.same(await left(WITNESS_NAMESPACE), NOTHING)
      t.same(await left(), NOTHING)
    })
  }

  await t.test('a measurement on the command line', async (t) => {
    await serve({ blobs: [HALF] })
    const image = `${HARBOR}/${CANARY_REPOSITORY}:tag-0`
    const command = start(site, [
      'measure',
      image,
      '--config',
      configFile(site, measuring),
      '--via',
      'containerd',
      '--json',
    ])
    await underWay(site)
    command.interrupt()
    const { code, out } = await command.ended
    t.equal(code, 1)
    t.match(JSON.parse(out), { via: 'containerd', failure: { reason: 'aborted' } })
    t.same(await left(), NOTHING)
  })

  await t.test('a proof on the command line', async (t) => {
    await serve({ blobs: [HALF] })
    const command = start(site, ['check', '--probe', '--config', configFile(site, proving)])
    await underWay(site)
    command.interrupt()
    const { code, out, error } = await command.ended
    t.same([code, out], [2, ''])
    t.match(error, /^pullpath: interrupted: /)
    t.same(await left(), NOTHING)
  })

  await t.test('containerd itself, while it proves that it resolves', async (t) => {
    await serve({ blobs: [HALF] })
    const command = start(site, ['check', '--probe', '--json', '--config', configFile(site, proving)])
    await underWay(site)
    await restart()
    const { proofs } = JSON.parse((await command.ended).out)
    t.match(proofs, [{ outcome: 'unasked', unfinished: false }])
    t.same(await left(), NOTHING)
    await serve()
    const again = start(site, ['check', '--probe', '--json', '--config', configFile(site, proving)])
    t.match(JSON.parse((await again.ended).out).proofs, [{ outcome: 'resolved' }], 'the next one works')
    t.same(await left(), NOTHING)
  })
}

/** Nothing is asked over HTTP but what a measurement or a proof needs. */
function configFile({ directory, hosts, socket }: CanarySite, more: string): string {
  const [talos, file] = [join(directory, 'talos.yaml'), join(directory, 'config.yaml')]
  writeFileSync(talos, `machine: { registries: { mirrors: { ${HARBOR}: { endpoints: ['http://${HARBOR}'] } } } }\n`)
  writeFileSync(
    file,
    `node: { name: k8s-1, ip: 127.0.0.4 }
host: { root: / }
intent: { talos: { patches: [${talos}] }, spegel: { from: none } }
probe: { interval: 0, images: {} }
harbor: { url: null }
http: { host: 127.0.0.1, port: 9478 }
${more.replace('PLACES', `hostsDir: ${hosts}, socket: ${socket}`)}
`,
  )
  return file
}

async function underWay({ client }: CanarySite, namespace = 'k8s.io'): Promise<void> {
  const store = client.inNamespace(namespace)
  while ((await store.ingests(BODIES)).length === 0);
}

interface Started {
  interrupt(): void
  ended: Promise<{ code: number | null; out: string; error: string }>
}

function start({ network }: CanarySite, typed: readonly string[]): Started {
  const [program, ...args] = commandInside(network.pid, process.execPath, [MAIN, ...typed])
  const child: ChildProcess = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    // The runner's loaders are not for the child.
    env: { PATH: process.env.PATH, NODE_OPTIONS: '' },
  })
  const texts = { out: '', error: '' }
  child.stdout?.on('data', (text) => {
    texts.out += text
  })
  child.stderr?.on('data', (text) => {
    texts.error += text
  })
  const ended = once(child, 'close').then(([code]) => ({ code, ...texts }))
  return { interrupt: () => void child.kill('SIGINT'), ended }
}
