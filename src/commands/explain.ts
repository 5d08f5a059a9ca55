import { resolve } from 'node:path'
import { peerSignature } from '../containerd/endpoint-role.ts'
import { explain as explainImage } from '../containerd/explain.ts'
import type { Explanation } from '../containerd/explanation.ts'
import type { DaemonFacts } from '../drift/facts.ts'
import type { FileView } from '../hosts/file-view.ts'
import { writerOf } from '../hosts/fingerprint.ts'
import { type DecidingFile, renderPathDrawing } from '../render/path-drawing.ts'
import { readInputs } from '../watch/read-inputs.ts'
import type { Command } from './command.ts'
import { CONFIG_OPTION, NODE_OPTIONS, settingsOf } from './settings.ts'
import { withTreeFrom } from './tree-from.ts'

export const explain: Command = {
  name: 'explain',
  summary: 'says which endpoints containerd asks for an image, in which order, and what it asks them',
  positionals: ['IMAGE'],
  options: {
    ...CONFIG_OPTION,
    'hosts-dir': { value: 'DIR', summary: 'the directory that containerd reads (default: /etc/cri/conf.d/hosts)' },
    ...NODE_OPTIONS,
    json: { summary: 'print it as JSON' },
  },
  description: `With --containerd-config, DIR stands for the directory that is configured there, so that copies of both will do.
Nothing is sent to anybody: the answer follows from the files and from the rules of the containerd release.

exit codes:
  0  containerd asks the endpoints that are shown
  1  the pull fails before anybody is asked
  2  it cannot be told; or wrong usage

examples:
  pullpath explain 192.168.1.106/library/app:v1
  pullpath explain nginx --hosts-dir ./hosts --containerd-version 1.7.24 --json`,

  async run(context, given) {
    const image = given.positionals[0] ?? ''
    const { config } = settingsOf(explain, given, context, { intent: false, nodeIp: false })
    const typed = given.text('hosts-dir')
    const hostsDir = typed === null ? null : resolve(typed)
    config.containerd.hostsDir = hostsDir ?? config.containerd.hostsDir
    const read = await readInputs(config)
    const { intent, observed, daemon, node } =
      hostsDir === null ? read : withTreeFrom(hostsDir, placeOf(hostsDir, read.daemon), read)
    const explanation = explainImage(image, daemon, observed.view, peerSignature(intent.spegel, node.ip))
    if (given.has('json')) context.write(`${JSON.stringify(explanation, null, 2)}\n`)
    else context.write(renderPathDrawing(explanation, decidingFile(explanation, observed.view), daemon, context))
    if (explanation.error === null) return 0
    return explanation.error.code === 'NOT_SEEN' ? 2 : 1
  },
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
