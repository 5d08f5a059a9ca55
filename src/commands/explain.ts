import { resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import type { DaemonClient } from '../containerd/client/daemon-client.ts'
import { peerSignature } from '../containerd/endpoint-role.ts'
import { explain as explainImage } from '../containerd/explain.ts'
import type { Explanation } from '../containerd/explanation.ts'
import type { WitnessComparison } from '../containerd/witness-comparison.ts'
import type { DaemonFacts } from '../drift/facts.ts'
import { type FileView, viewOf } from '../hosts/file-view.ts'
import { writerOf } from '../hosts/fingerprint.ts'
import { type DecidingFile, renderPathDrawing } from '../render/path-drawing.ts'
import { renderWitness } from '../render/witness-drawing.ts'
import { openDaemon } from '../watch/daemon-monitor.ts'
import { readInputs } from '../watch/read-inputs.ts'
import type { Command, CommandContext } from './command.ts'
import { usage } from './parse-arguments.ts'
import { withProgress } from './progress.ts'
import { CONFIG_OPTION, NODE_OPTIONS, settingsOf } from './settings.ts'
import { withTreeFrom } from './tree-from.ts'

export const DEFAULT_SOCKET = '/run/containerd/containerd.sock'
/** A mirror that drops packets costs 30 s for each request. Milliseconds. */
const WITNESS_WITHIN = 120_000

export const explain: Command = {
  name: 'explain',
  summary: 'says which endpoints containerd asks for an image, in which order, and what it asks them',
  positionals: ['IMAGE'],
  options: {
    ...CONFIG_OPTION,
    'hosts-dir': { value: 'DIR', summary: 'the directory that containerd reads (default: /etc/cri/conf.d/hosts)' },
    ...NODE_OPTIONS,
    witness: {
      summary: 'let the running containerd (2.1 and later) prove it: it fetches the image and says what it asked',
    },
    socket: { value: 'PATH', summary: `containerd's socket, for --witness (default: ${DEFAULT_SOCKET})` },
    json: { summary: 'print it as JSON' },
  },
  description: `With --containerd-config, DIR stands for the directory that is configured there, so that copies of both will do.
Nothing is sent to anybody: the answer follows from the files and from the rules of the containerd release.

With --witness containerd itself fetches the image by DIR, its own path of a directory that Pullpath can read too
(a candidate tree will do), in a namespace of Pullpath's, and removes it again. Take an image of a few KB that the
node does not have: containerd keeps every body in memory while it tells, so the fetch is cut short at 1 MiB, and
what the node has is not asked for.

exit codes:
  0  containerd asks the endpoints that are shown; with --witness: and says so
  1  the pull fails before anybody is asked; or the witness disagrees
  2  it cannot be told; the witness could not be had, or could not judge everything; or wrong usage

examples:
  pullpath explain 192.168.1.106/library/app:v1
  pullpath explain nginx --hosts-dir ./hosts --containerd-version 1.7.24 --json
  pullpath explain 192.168.1.106/library/tiny:v1 --witness --hosts-dir /var/candidate`,

  async run(context, given) {
    const image = given.positionals[0] ?? ''
    const { config } = settingsOf(explain, given, context, { intent: false, nodeIp: false })
    const typed = given.text('hosts-dir')
    const hostsDir = typed === null ? null : resolve(typed)
    config.containerd.hostsDir = hostsDir ?? config.containerd.hostsDir
    const wantsWitness = given.has('witness')
    if (given.has('socket') && !wantsWitness) throw usage(explain, '--socket is for --witness')
    const read = await readInputs(config)
    // What a witness reads is a path of the node's; else it may be a copy on any machine.
    const root = wantsWitness ? config.host.root : '/'
    const { intent, observed, daemon, node } =
      hostsDir === null ? read : withTreeFrom(hostsDir, placeOf(hostsDir, read.daemon), read, root)
    const unseen = node.inputs.find((it) => it.input === 'hosts' && !it.up)
    if (unseen !== undefined) context.writeError(`pullpath: hosts: ${unseen.message}\n`)
    const explanation = explainImage(image, daemon, observed.view, peerSignature(intent.spegel, node.ip))
    const file = decidingFile(explanation, observed.view)
    if (!given.has('json')) context.write(renderPathDrawing(explanation, file, daemon, context))
    if (wantsWitness) {
      const directory = hostsDir ?? placeOf(config.containerd.hostsDir, daemon)
      const view = hostsDir === null ? observed.view : viewOf(new Map([[hostsDir, observed.hosts]]))
      const client = await clientOf(config, given.text('socket'))
      explanation.witness = await witnessOf(context, client, { image, hostsDir: directory, view })
      if (!given.has('json')) context.write(`\n${renderWitness(explanation.witness, daemon.pullMode, context)}`)
    }
    if (given.has('json')) context.write(`${JSON.stringify(explanation, null, 2)}\n`)
    return exitCodeFor(explanation)
  },
}

function exitCodeFor({ error, witness }: Explanation): number {
  if (witness !== null && witness.agrees !== true) return witness.agrees === false ? 1 : 2
  if (error === null) return 0
  return error.code === 'NOT_SEEN' ? 2 : 1
}

/** Of the daemon at `socket` as this process reaches it, else at the place that the node knows it by. */
async function clientOf({ host, containerd }: Config, socket: string | null): Promise<DaemonClient> {
  const opening =
    socket === null ? openDaemon(host.root, containerd.socket ?? DEFAULT_SOCKET) : openDaemon('/', resolve(socket))
  return (await opening).client
}

async function witnessOf(
  context: CommandContext,
  client: DaemonClient,
  order: { image: string; hostsDir: string; view: FileView },
): Promise<WitnessComparison> {
  // Loaded here, so that the other ways to use the command need not wait for a client that they never open.
  const { takeWitness } = await import('../containerd/client/take-witness.ts')
  try {
    const { signal } = context
    const taking = takeWitness(client, { ...order, deadline: WITNESS_WITHIN, signal })
    return await withProgress(context, () => 'containerd fetches the image, and says what it asks:', taking)
  } finally {
    client.close()
  }
}

/** Where containerd has the directory that was given: where its configuration says, if it names one place. */
function placeOf(hostsDir: string, daemon: DaemonFacts): string {
  const { configPath, configPathKnown } = daemon
  return configPathKnown && configPath.startsWith('/') && !configPath.includes(':') ? configPath : hostsDir
}

function decidingFile(explanation: Explanation, view: FileView): DecidingFile {
  if (explanation.directory === null) return null
  const path = `${explanation.directory}/hosts.toml`
  const file = view.lookup(path)
  return file?.kind === 'file' ? { path, writer: writerOf(file) } : null
}
