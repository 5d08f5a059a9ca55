import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Agent, startAgent } from '../../agent.ts'
import { PullpathError } from '../../errors.ts'
import type { SpegelIntent, TalosIntent } from '../../intent/intent.ts'
import { readIntent } from '../../intent/read-intent.ts'
import { parseVersion } from '../../version.ts'
import {
  CONTAINERD_VERSION,
  daemonConfig,
  NODE_IP,
  type Ports,
  REGISTRY,
  spegelRelease,
  TALOS_VERSION,
  talosPatch,
} from './declared.ts'
import type { ImageStore } from './distribution-request.ts'
import { startHarborDouble } from './harbor-double.ts'
import type { LoopbackServer } from './loopback-server.ts'
import { spegelWrites, talosWrites } from './node-writers.ts'
import { buildImage } from './oci-image.ts'
import { startSpegelDouble } from './spegel-double.ts'

const MIRRORED = ['https://docker.io', `http://${REGISTRY}`]
const USUAL_PORT = 9478

/** A throw-away node with everything around it, all of it on this machine. */
export interface DemoSite {
  /** Removed when the demo ends. */
  directory: string
  hostsDir: string
  harbor: LoopbackServer
  /** The host port and the node port of Spegel. */
  spegel: readonly [LoopbackServer, LoopbackServer]
  talosIntent: TalosIntent
  spegelIntent: SpegelIntent
  agentUrl(): string
  /** What a reboot does to the agent: it ends now, and starts again with `start`. */
  stopAgent(): Promise<void>
  startAgent(): Promise<void>
  close(): Promise<void>
}

/** Builds the site and starts the agent on it. `port` null: the usual one, or any that is free. */
export async function openDemoSite(port: number | null): Promise<DemoSite> {
  const directory = await mkdtemp(join(tmpdir(), 'pullpath-demo-'))
  const servers: LoopbackServer[] = []
  let agent: Agent | null = null
  async function close(): Promise<void> {
    await agent?.stop()
    for (const server of servers) await server.close()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    const harbor = await startHarborDouble(storeOf(['hello', 'local', 'fresh']))
    servers.push(harbor)
    const holds = { registries: [REGISTRY, 'docker.io'], thisNode: storeOf(['local']), peers: storeOf(['hello']) }
    const spegel = [await startSpegelDouble(holds), await startSpegelDouble(holds)] as const
    servers.push(...spegel)
    const ports: Ports = { harbor: harbor.port, spegelHostPort: spegel[0].port, spegelNodePort: spegel[1].port }
    const files = {
      talos: { path: join(directory, 'git/machine-registries.yaml'), text: talosPatch(ports) },
      spegel: { path: join(directory, 'git/helmrelease.yaml'), text: spegelRelease(ports, MIRRORED) },
      daemon: { path: join(directory, 'node/etc/cri/containerd.toml'), text: daemonConfig() },
    }
    for (const { path, text } of Object.values(files)) await writeNew(path, text)
    const intent = readIntent({
      talosFiles: [files.talos],
      spegelFiles: [files.spegel],
      talosVersion: parseVersion(TALOS_VERSION),
      spegelVersion: null,
    })
    if (intent.talos === null || intent.spegel === null) throw new Error("the demo's own intent cannot be read")
    const { talos, spegel: spegelIntent } = intent
    const hostsDir = join(directory, 'node/etc/cri/conf.d/hosts')
    await mkdir(hostsDir, { recursive: true })
    await talosWrites(hostsDir, talos)
    await spegelWrites(hostsDir, spegelIntent)

    const configFile = join(directory, 'config.yaml')
    let chosenPort = port ?? USUAL_PORT
    async function start(): Promise<void> {
      await writeFile(configFile, agentConfig(directory, chosenPort))
      agent = await startAgent({ configFile })
      chosenPort = Number(new URL(agent.url).port)
    }
    try {
      await start()
    } catch (error) {
      if (port !== null || !(error instanceof PullpathError) || error.code !== 'PP_PORT_IN_USE') throw error
      chosenPort = 0
      await start()
    }
    return {
      directory,
      hostsDir,
      harbor,
      spegel,
      talosIntent: talos,
      spegelIntent,
      agentUrl: () => `http://${NODE_IP}:${chosenPort}`,
      async stopAgent() {
        await agent?.stop()
        agent = null
      },
      startAgent: start,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * The agent's own configuration: the same file that a cluster would give it, but for the probes: the name of the demo's
 * registry is nobody's, and is never asked for.
 */
function agentConfig(directory: string, port: number): string {
  return `node: { name: demo-node, ip: ${NODE_IP} }
host: { root: ${JSON.stringify(join(directory, 'node'))} }
intent:
  talos:
    patches: [${JSON.stringify(join(directory, 'git/machine-registries.yaml'))}]
    version: ${TALOS_VERSION}
  spegel:
    from: helmrelease
    values: [${JSON.stringify(join(directory, 'git/helmrelease.yaml'))}]
containerd:
  configFile: /etc/cri/containerd.toml
  version: ${CONTAINERD_VERSION}
probe: { interval: 0 }
canary: { interval: 0 }
http: { host: ${NODE_IP}, port: ${port} }
log: { level: silent }
`
}

function storeOf(names: readonly string[]): ImageStore {
  return new Map(
    names.map((name) => [`library/${name}`, new Map([['v1', buildImage(`Hello from library/${name}.\n`)]])] as const),
  )
}

async function writeNew(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}
