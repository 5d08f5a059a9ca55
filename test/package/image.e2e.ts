/**
 * The image: built by buildah on bases made here, pushed to a plain-HTTP registry at Harbor's address, pulled by real
 * containerd through the very hosts tree that the agent reports on, and run as the kubelet would run the pod that the
 * chart renders. Needs root and what `.ci/tools` installs: npx tap test/package/image.e2e.ts
 */
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Metafile } from 'esbuild'
import t, { type Test } from 'tap'
import packageJson from '../../package.json' with { type: 'json' }
import { type AgentPod, answers, startAgentPod } from './image/agent-pod.ts'
import { ImageBuilder, type ImageConfig } from './image/build-image.ts'
import { renderChart } from './image/chart.ts'
import { startContainerd } from './image/containerd.ts'
import type { Cri } from './image/cri.ts'
import { type ExampleNode, exampleNode } from './image/example-node.ts'
import { HARBOR, type Inside, inside, raiseNetwork, runInside } from './image/namespaces.ts'
import { ProcessFacts } from './image/process.ts'
import { run } from './image/program.ts'
import { layerSizes, startRegistry } from './image/registry.ts'

const TAG = 'localhost/pullpath'
const PAUSE = 'localhost/pause'
const MEBIBYTE = 1024 * 1024
const FLAGS = packageJson.scripts.start.split(' ').filter((word) => word.startsWith('--'))

const REST_SECONDS = Number(process.env.PULLPATH_REST_SECONDS ?? 5)

t.setTimeout((600 + REST_SECONDS) * 1000)

/** What needs the network of this machine: packages come by npm. */
async function outside() {
  const directory = mkdtempSync(join(tmpdir(), 'pullpath-image-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const builder = new ImageBuilder(directory)
  t.test('bases that are not pinned by digest are refused', async (t) => {
    await t.rejects(builder.buildUnpinned(), /is not pinned: name it as image@sha256:/)
  })
  t.test('the image', async (t) => {
    await builder.buildPullpath(TAG, { VERSION: packageJson.version, REVISION: '0123abc' })
    await builder.buildPause(PAUSE)
    const image = await builder.configOf(TAG)
    t.match(image, { os: 'linux', architecture: { x64: 'amd64', arm64: 'arm64' }[process.arch as 'x64'] })
    t.match(image.config, {
      User: '0:0',
      Entrypoint: ['/usr/lib/pullpath/bin/node', ...FLAGS, '/usr/lib/pullpath/pullpath.cjs'],
      Cmd: ['agent'],
      ExposedPorts: { '9478/tcp': {} },
      Labels: {
        'org.opencontainers.image.title': 'Pullpath',
        'org.opencontainers.image.licenses': packageJson.license,
        'org.opencontainers.image.version': packageJson.version,
        'org.opencontainers.image.revision': '0123abc',
        'org.opencontainers.image.base.name': /^localhost\/base-run@sha256:[0-9a-f]{64}$/,
      },
    })
    t.equal(image.config.Healthcheck.Test[0], 'CMD', 'without a shell, which the image does not have')
  })
  t.test('on a node', async (t) => await runInside(t, import.meta.filename, directory))
}

/** Where nothing but the node, Harbor's address and what runs here exists. */
async function onTheNode(t: Test, { directory, cgroup }: Inside) {
  await raiseNetwork()
  const registry = await startRegistry(directory, HARBOR)
  t.teardown(() => registry.stop())
  const builder = new ImageBuilder(directory)
  await builder.push(TAG, `${HARBOR}/library/pullpath:${packageJson.version}`)
  await builder.push(PAUSE, `${HARBOR}/library/pause:1`)

  await t.test('its size', async (t) => {
    const layers = await layerSizes(HARBOR, 'library/pullpath', packageJson.version)
    const [unpacked = 0, ofBase = 0] = await Promise.all([TAG, 'localhost/base-run'].map((it) => builder.sizeOf(it)))
    const total = layers.reduce((sum, size) => sum + size, 0)
    t.comment(`compressed ${mebibytes(total)}, in layers of ${layers.map(mebibytes).join(' and ')}`)
    t.comment(`unpacked ${mebibytes(unpacked)}, of which ${mebibytes(ofBase)} are the base's`)
    t.equal(layers.length, 2, 'the base, and one layer over it')
    t.ok(total < 60 * MEBIBYTE, 'compressed less than 60 MiB')
    t.ok(unpacked < 160 * MEBIBYTE, 'unpacked less than 160 MiB')
  })

  t.test(
    'its files',
    async (t) => await builder.withFiles(TAG, async (root) => await filesOfTheImage(t, root, directory)),
  )

  const image = await builder.configOf(TAG)
  for (const major of [1, 2] as const) {
    await t.test(`run by containerd ${major}`, async (t) => {
      const own = join(directory, `containerd-${major}`)
      const node = exampleNode(join(own, 'node'))
      node.talosRewrites()
      const containerd = await startContainerd({
        major,
        directory: own,
        hostsDir: node.hostsDir,
        socket: node.socket,
        pauseImage: `${HARBOR}/library/pause:1`,
      })
      t.teardown(() => containerd.stop())
      await mountBelow(node)
      const { http, ...config } = node.values.config // on every address, as the chart has it by default
      // What V8 makes of the compile cache is said on the standard error then.
      const extraEnv = [{ name: 'NODE_DEBUG_NATIVE', value: 'COMPILE_CACHE' }]
      // The older one without: it would say that it reads the directory by the path that this machine has it at.
      const socket = { enabled: major === 2 }
      const chart = await renderChart({ ...node.values, config, extraEnv, containerd: { socket } })
      const agent = await startAgentPod(containerd, chart, { ...node, directory: own, cgroup })
      t.comment(`containerd ${containerd.version}; ready ${agent.readyAfter.toFixed(0)} ms after the pod was asked for`)
      t.ok(registry.output().includes(`"containerd/${containerd.version}"`), 'pulled from Harbor through its tree')
      await asTheChartSays(t, { major, cri: containerd.cri, ...agent }, node, image)
      if (major === 2) await restsWithin(t, agent)
      const start = performance.now()
      t.equal(await agent.stop(), 0, 'stops by SIGTERM')
      t.ok(performance.now() - start < agent.pod.terminationGracePeriodSeconds * 1000, 'in time')
    })
  }
}

async function filesOfTheImage(t: Test, root: string, directory: string) {
  const find = async (...test: string[]) => {
    return (await run('find', [root, ...test, '-printf', '/%P\n'])).split('\n').filter((it) => it !== '')
  }
  t.same(await find('-name', '*sh', '-perm', '/111', '-type', 'f'), [], 'no shell')
  t.same(await find('-perm', '/6000', '-type', 'f'), [], 'nothing that gives other rights')
  t.same(await find('-perm', '/022', '-type', 'f'), [], 'no file that others may write')
  t.same(await find('-path', '*/usr/lib/pullpath/*', '(', '-perm', '/222', '-o', '-not', '-user', '0', ')'), [])

  const licenses = readdirSync(join(root, 'usr/lib/pullpath/licenses'))
  const packages = await bundledPackages(directory)
  t.ok(packages.length > 30, `${packages.length} packages in the bundle`)
  for (const it of ['pullpath', 'node', 'pullpath.cjs.LEGAL.txt', ...packages]) {
    t.ok(licenses.includes(it.replaceAll('/', '+')), `the licence of ${it}`)
  }
}

/** `a`, `@a/b`, or `a/node_modules/b`, of a file in it. */
const PACKAGE = /(?:^|\/)node_modules\/((?:(?:@[^/]+\/)?[^/]+\/node_modules\/)*(?:@[^/]+\/)?[^/]+)\//

/** The packages that the bundle holds parts of, by their place below `node_modules`. */
async function bundledPackages(directory: string): Promise<string[]> {
  const file = join(directory, 'metafile.json')
  const root = join(import.meta.dirname, '..', '..')
  await run('npm', ['run', 'build', '--', `--outfile=${join(directory, 'bundle.cjs')}`, `--metafile=${file}`], {
    cwd: root,
  })
  const metafile: Metafile = JSON.parse(readFileSync(file, 'utf8'))
  const inputs = Object.values(metafile.outputs).flatMap((it) => {
    return Object.entries(it.inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : []))
  })
  const packages = inputs.flatMap((path) => PACKAGE.exec(path)?.[1] ?? [])
  return [...new Set(packages)]
}

async function asTheChartSays(
  t: Test,
  { major, cri, pod, container }: AgentPod & { major: 1 | 2; cri: Cri },
  node: ExampleNode,
  image: ImageConfig,
) {
  const process = new ProcessFacts(container.pid)
  const exec = (script: string) => cri.exec(container, ['node', '-e', script])

  await t.test('serves findings from the mounted tree', async (t) => {
    t.ok(await answers(pod.probes.livez), 'livez')
    const page = await (await fetch(`http://${node.ip}:${pod.port}/metrics`)).text()
    t.match(page, 'pullpath_drift{registry="192.168.1.106",reason="peer-mirror-missing"} 1\n')
    t.match(page, 'pullpath_mirror_effective{registry="192.168.1.106"} 0\n')
    for (const input of ['hosts', 'containerd']) t.match(page, `pullpath_input_up{input="${input}"} 1\n`)
  })

  await t.test('runs by the flags of the start script, under the security context of the chart', async (t) => {
    t.same(process.commandLine.slice(1, 1 + FLAGS.length), FLAGS)
    t.same(process.commandLine.slice(2 + FLAGS.length), ['agent', '--config', '/etc/pullpath/config.yaml'])
    t.equal(process.status('Uid'), '0\t0\t0\t0')
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      t.equal(BigInt(`0x${process.status(set)}`), 0n, set)
    t.equal(process.status('NoNewPrivs'), '1')
    t.equal(process.status('Seccomp'), '2', 'filtered')
    t.equal(process.cgroupMemory.limit, pod.memoryLimit)
    t.equal(pod.memoryLimit, 192 * MEBIBYTE)
    t.comment(`resident ${mebibytes(process.residentMemory)}, its cgroup ${mebibytes(process.cgroupMemory.used)}`)
  })

  await t.test('can write nowhere', async (t) => {
    const { mounts } = process
    const own = ['/etc/pullpath', '/intent/talos', '/intent/spegel']
    for (const point of ['/', '/host/etc/cri', '/host/etc/cri/conf.d/hosts', ...own]) {
      t.equal(mounts.get(point)?.writable, false, point)
    }
    const { stdout } = await exec(WRITE_EVERYWHERE)
    const { tried, written } = JSON.parse(stdout)
    t.comment(`${tried} files and directories tried`)
    t.ok(tried > 400)
    const canBeKept = await cri.canMountReadOnlyRecursively()
    t.equal(canBeKept, major === 2, 'what is mounted below is kept by containerd 2')
    const others = canBeKept ? [] : [`/host${MOUNTED_BELOW}`]
    // Memory that every container gets from the runtime, and that counts to its limit.
    for (const point of written) t.match(mounts.get(point)?.type, /^(tmpfs|mqueue)$/, point)
    t.same(written, ['/dev', '/dev/mqueue', '/dev/shm', ...others])
  })

  await t.test(
    "reaches containerd's socket through its directory, also one that came later, if it is given",
    async (t) => {
      const has = { 1: 'ENOENT', 2: 'connected' }[major]
      const later = createServer().listen(join(dirname(node.socket), 'later.sock'))
      await once(later, 'listening')
      t.teardown(() => later.close())
      const reached = async (name: string) => (await exec(connectTo(`/host/run/containerd/${name}`))).stdout
      t.equal(await reached('containerd.sock'), has)
      t.equal(await reached('later.sock'), has)
      t.equal(process.mounts.get('/host/run/containerd')?.writable, { 1: undefined, 2: false }[major])
      t.equal(await reached('gone.sock'), 'ENOENT')
    },
  )

  await t.test("answers the image's own health check", async (t) => {
    const [, ...check] = image.config.Healthcheck.Test
    t.equal((await cri.exec(container, check)).exitCode, 0)
    const elsewhere = check.map((it) => it.replace('9478', '9479'))
    t.equal((await cri.exec(container, elsewhere)).exitCode, 1, 'which fails where nobody answers')
  })

  await t.test('uses the compile cache', async (t) => {
    const log = readFileSync(pod.logFile, 'utf8')
    t.match(log, 'V8 code cache for CommonJS /usr/lib/pullpath/pullpath.cjs was accepted')
    t.notMatch(log, /cache for .* was (rejected|not initialized)/)
  })
}

/**
 * A few seconds; `PULLPATH_REST_SECONDS=600` is how long it takes until memory tells what it will stay at. Meanwhile it
 * is asked as a kubelet and a Prometheus do it.
 */
async function restsWithin(t: Test, { pod, container }: AgentPod) {
  await t.test('rests well below its memory limit', async (t) => {
    for (let second = 0; second < REST_SECONDS; second++) {
      if (second % 10 === 0) t.ok(await answers(pod.probes.livez))
      if (second % 30 === 0) t.ok(await answers(pod.probes.livez.replace('livez', 'metrics')))
      await delay(1000)
    }
    const { residentMemory, cgroupMemory } = new ProcessFacts(container.pid)
    const { used, peak } = cgroupMemory
    t.comment(
      `after ${REST_SECONDS} s: resident ${mebibytes(residentMemory)}, cgroup ${mebibytes(used)}, its peak ${mebibytes(peak)}`,
    )
    t.ok(residentMemory < pod.memoryLimit / 2)
    t.ok(peak < pod.memoryLimit, 'the health check beside it included')
  })
}

/** What the node has mounted below a directory that is given to the agent, as it has the roots of all containers. */
const MOUNTED_BELOW = '/etc/cri/mounted-below'

async function mountBelow({ root }: ExampleNode): Promise<void> {
  mkdirSync(join(root, MOUNTED_BELOW), { recursive: true })
  await run('mount', ['-t', 'tmpfs', 'tmpfs', join(root, MOUNTED_BELOW)])
}

/** Says `connected`, or the code of what hindered it. */
const connectTo = (socket: string) => `
  const connection = require('node:net').connect('${socket}')
  connection.on('connect', () => { process.stdout.write('connected'); connection.end() })
  connection.on('error', (error) => process.stdout.write(error.code))
`

/** Tries to make a file in every directory that there is, and to open every file for writing. */
const WRITE_EVERYWHERE = `
  const { closeSync, openSync, readdirSync } = require('node:fs')
  let tried = 0
  const written = []
  const attempt = (path, as, flags) => {
    tried++
    try { closeSync(openSync(as, flags)); written.push(path) } catch {}
  }
  const walk = (directory) => {
    attempt(directory, directory + '/pullpath-was-here', 'w')
    let entries = []
    try { entries = readdirSync(directory + '/', { withFileTypes: true }) } catch {}
    for (const it of entries) {
      const path = directory + '/' + it.name
      if (it.isDirectory() && path !== '/proc' && path !== '/sys') walk(path)
      else if (it.isFile() && it.name !== 'pullpath-was-here') attempt(path, path, 'r+')
    }
  }
  walk('')
  console.log(JSON.stringify({ tried, written }))
`

const mebibytes = (bytes: number) => `${(bytes / MEBIBYTE).toFixed(1)} MiB`

const given = inside()
if (given === null) await outside()
else t.test('pushed, pulled, run', async (t) => await onTheNode(t, given))
