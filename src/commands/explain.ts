import { peerSignature } from '../containerd/endpoint-role.ts'
import { explain as explainImage } from '../containerd/explain.ts'
import type { Explanation } from '../containerd/explanation.ts'
import type { FileView } from '../hosts/file-view.ts'
import { writerOf } from '../hosts/fingerprint.ts'
import { type DecidingFile, renderPathDrawing } from '../render/path-drawing.ts'
import { readInputs } from '../watch/read-inputs.ts'
import type { Command } from './command.ts'
import { CONFIG_OPTION, NODE_OPTIONS, settingsOf } from './settings.ts'

export const explain: Command = {
  name: 'explain',
  summary: 'says which endpoints containerd asks for an image, in which order, and what it asks them',
  positionals: ['IMAGE'],
  options: {
    ...CONFIG_OPTION,
    ...NODE_OPTIONS,
    json: { summary: 'print it as JSON' },
  },
  description: `Nothing is sent to anybody: the answer follows from the files and from the rules of the containerd release.

exit codes:
  0  containerd asks the endpoints that are shown
  1  the pull fails before anybody is asked
  2  it cannot be told; or wrong usage

examples:
  pullpath explain 192.168.1.106/library/app:v1
  pullpath explain nginx --hosts-dir ./hosts --containerd-version 1.7.24 --json`,

  async run(context, given) {
    const image = given.positionals[0] ?? ''
    const { config } = await settingsOf(explain, given, context, { intent: false, nodeIp: false })
    const { intent, observed, daemon, node } = await readInputs(config)
    const explanation = explainImage(image, daemon, observed.view, peerSignature(intent.spegel, node.ip))
    if (given.has('json')) context.write(`${JSON.stringify(explanation, null, 2)}\n`)
    else
      context.write(renderPathDrawing(explanation, decidingFile(explanation, observed.view), daemon.assumed, context))
    if (explanation.error === null) return 0
    return explanation.error.code === 'NOT_SEEN' ? 2 : 1
  },
}

function decidingFile(explanation: Explanation, view: FileView): DecidingFile {
  if (explanation.directory === null) return null
  const path = `${explanation.directory}/hosts.toml`
  const file = view.lookup(path)
  return file?.kind === 'file' ? { path, writer: writerOf(file) } : null
}
