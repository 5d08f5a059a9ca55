import { resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import type { DaemonClient } from '../containerd/client/daemon-client.ts'
import { type ImageReference, parseImageReference } from '../containerd/reference.ts'
import { legRatio } from '../drift/leg-ratio.ts'
import type { Pull, PullVia } from '../drift/pull.ts'
import { renderPull, renderRatio } from '../render/pull-text.ts'
import { openDaemon } from '../watch/daemon-monitor.ts'
import type { Inputs } from '../watch/inputs.ts'
import { readInputs } from '../watch/read-inputs.ts'
import type { Command, CommandContext } from './command.ts'
import { DEFAULT_SOCKET } from './explain.ts'
import { usage } from './parse-arguments.ts'
import { ProgressBars } from './pull-progress.ts'
import { CONFIG_OPTION, NODE_OPTIONS, settingsOf } from './settings.ts'

const VIAS: readonly PullVia[] = ['path', 'origin', 'peer', 'containerd']

export const measure: Command = {
  name: 'measure',
  summary: 'measures what a pull of an image costs on this node, phase by phase, and says where its bytes came from',
  positionals: ['IMAGE'],
  options: {
    via: { value: 'WAY', summary: 'path, origin, peer or containerd; several with commas between (default: path)' },
    ...CONFIG_OPTION,
    'hosts-dir': { value: 'DIR', summary: 'the directory that containerd reads (default: /etc/cri/conf.d/hosts)' },
    ...NODE_OPTIONS,
    socket: { value: 'PATH', summary: `containerd's socket (default: ${DEFAULT_SOCKET})` },
    json: { summary: 'print it as JSON: one pull, or a list where several ways are given' },
  },
  description: `path        over HTTP along the endpoints that containerd asks, each object from the first that has it
origin      over HTTP straight from the registry
peer        over HTTP through this node's mirror, by digest
containerd  a pull by containerd itself; the image must be absent, and is removed again

The first three keep nothing of what they fetch, and do not touch containerd. Where origin and peer are both given, the
ratio of their times is told.

exit codes:
  0  measured
  1  a measurement failed, or could not be made
  2  wrong usage

examples:
  pullpath measure 192.168.1.106/library/app:v1
  pullpath measure 192.168.1.106/library/app:v1 --via origin,peer
  pullpath measure 192.168.1.106/library/app:v1 --via containerd --json`,

  async run(context, given) {
    const reference = parseImageReference(given.positionals[0] ?? '')
    const vias = viasOf(given.text('via') ?? 'path')
    const { config } = settingsOf(measure, given, context, { intent: false, nodeIp: false })
    const hostsDir = given.text('hosts-dir')
    if (hostsDir !== null) config.containerd.hostsDir = resolve(hostsDir)
    const inputs = await readInputs(config)
    const client = await clientOf(config, given.text('socket'))
    const pulls: Pull[] = []
    try {
      for (const via of vias) {
        pulls.push(await measureOne(context, reference, via, { config, inputs, client }))
        if (context.signal.aborted) break
      }
    } finally {
      client.close()
    }
    if (given.has('json')) context.write(`${JSON.stringify(vias.length === 1 ? pulls[0] : pulls, null, 2)}\n`)
    else context.write(textOf(pulls, context))
    return pulls.some((it) => it.failure !== null) ? 1 : 0
  },
}

function viasOf(text: string): PullVia[] {
  return text.split(',').map((name) => {
    const via = VIAS.find((it) => it === name)
    if (via !== undefined) return via
    throw usage(measure, `--via: ${JSON.stringify(name)} is none of ${VIAS.join(', ')}`)
  })
}

async function clientOf({ host, containerd }: Config, socket: string | null): Promise<DaemonClient> {
  const opening =
    socket === null ? openDaemon(host.root, containerd.socket ?? DEFAULT_SOCKET) : openDaemon('/', resolve(socket))
  return (await opening).client
}

async function measureOne(
  context: CommandContext,
  reference: ImageReference,
  via: PullVia,
  { config, inputs, client }: { config: Config; inputs: Inputs; client: DaemonClient },
): Promise<Pull> {
  // Loaded here, so that the other commands need not wait for a client of registries that they never open.
  const [{ measureImage }, { configuredSight }] = await Promise.all([
    import('../pull/measure-image.ts'),
    import('../pull/spegel-sight.ts'),
  ])
  const bars = new ProgressBars(context, `measuring ${reference.image} by way of ${via}`)
  const sight = configuredSight(config.spegel, config.node.ip)
  try {
    return await measureImage(
      reference,
      via,
      { config, inputs, client, sight },
      {
        image: 'absent',
        signal: context.signal,
        onProgress: (it) => bars.hear(it),
      },
    )
  } finally {
    bars.end()
  }
}

function textOf(pulls: readonly Pull[], context: CommandContext): string {
  const texts = pulls.map((it) => renderPull(it, context))
  const origin = pulls.findLast((it) => it.via === 'origin') ?? null
  const peer = pulls.findLast((it) => it.via === 'peer') ?? null
  const ratio = legRatio(origin, peer)
  if (ratio !== null && origin !== null && peer !== null) texts.push(renderRatio(ratio, origin, peer))
  return texts.join('\n')
}
