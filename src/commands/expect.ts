import { readdir } from 'node:fs/promises'
import { PullpathError } from '../errors.ts'
import type { ExpectedTree } from '../hosts/expected-tree.ts'
import { redactHostsFile } from '../hosts/redact-hosts-file.ts'
import { type DirectoryNode, directoryNode, fileNode, type TreeNode } from '../hosts/tree.ts'
import { type ExpectedFile, renderExpectedFiles } from '../render/expected-files.ts'
import { bySeverity, renderFinding } from '../render/finding-text.ts'
import { readInputs } from '../watch/read-inputs.ts'
import type { Command } from './command.ts'
import { usage } from './parse-arguments.ts'
import { reportOfIntent } from './report-of-intent.ts'
import { CONFIG_OPTION, INTENT_OPTIONS, settingsOf } from './settings.ts'
import { writeTree } from './write-tree.ts'

export const expect: Command = {
  name: 'expect',
  summary: 'prints the files that Talos and Spegel write on a node from what was declared in Git',
  positionals: [],
  options: {
    ...CONFIG_OPTION,
    ...INTENT_OPTIONS,
    out: { value: 'DIR', summary: 'write the files below this directory, which must be empty or absent' },
    json: { summary: 'print the files and the conflicts as JSON' },
  },
  description: `Header values and keys are shown as ***. No node is needed.

exit codes:
  0  the files are printed
  1  what was declared cannot work as it stands: the conflicts follow the files
  2  something could not be read; or wrong usage

example:
  pullpath expect --talos machine-registries.yaml --spegel helmrelease.yaml --node-ip 192.168.1.98`,

  async run(context, given) {
    const out = given.text('out')
    if (given.has('json') && out !== null) throw usage(expect, '--json and --out exclude each other')
    const { config } = settingsOf(expect, given, context, { intent: true, nodeIp: true })
    const { intent, daemon, node } = await readInputs(config)
    const { report, expected } = reportOfIntent(intent, daemon, node)
    const conflicts = bySeverity(report.findings)
    if (given.has('json')) {
      context.write(`${JSON.stringify({ files: filesOf(expected), conflicts }, null, 2)}\n`)
    } else if (out !== null) {
      await refuseUsedDirectory(out)
      await writeTree(out, redacted(expected.tree), { file: 0o644, directory: 0o755 })
      context.write(`${filesOf(expected).length} files written below ${out}\n`)
    } else {
      context.write(renderExpectedFiles(filesOf(expected), context))
    }
    if (!given.has('json')) {
      // Aside from the files, so that these can be piped: which versions were assumed, what could not be seen.
      for (const note of report.notes) context.writeError(`pullpath: ${note}\n`)
      for (const it of conflicts) {
        context.writeError(`\n${renderFinding({ ...it, since: '' }, { ...context, colour: false })}\n`)
      }
    }
    const serious = conflicts.some((it) => it.severity !== 'info')
    const unread = report.inputs.filter((it) => !it.up)
    for (const it of unread) context.writeError(`pullpath: ${it.input}: ${it.message}\n`)
    return serious ? 1 : unread.length > 0 ? 2 : 0
  },
}

/** Every file of the tree, by path; contents without secrets. */
function filesOf({ tree, writers }: ExpectedTree): ExpectedFile[] {
  return texts(redacted(tree), '').map(([path, content]) => ({ path, writer: writers.get(path) ?? 'unknown', content }))
}

function texts(node: TreeNode, path: string): [string, string][] {
  if (node.kind === 'file') return [[path, node.text ?? '']]
  if (node.kind !== 'directory') return []
  return [...node.entries].flatMap(([name, entry]) => texts(entry, path === '' ? name : `${path}/${name}`))
}

function redacted(tree: DirectoryNode): DirectoryNode {
  return directoryNode(
    [...tree.entries].map(([name, node]): [string, TreeNode] => {
      if (node.kind === 'directory') return [name, redacted(node)]
      if (node.kind === 'file' && name === 'hosts.toml') return [name, fileNode(redactHostsFile(node.text ?? ''))]
      return [name, node]
    }),
  )
}

async function refuseUsedDirectory(directory: string): Promise<void> {
  let names: string[] = []
  try {
    names = await readdir(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return
    const message =
      code === 'ENOTDIR' ? `--out ${directory}: it is a file, not a directory` : `--out ${directory}: ${code}`
    throw new PullpathError('PP_FILE_UNREADABLE', message, { cause: error })
  }
  if (names.length === 0) return
  throw new PullpathError('PP_USAGE', `--out ${directory}: the directory is not empty`, {
    advice: 'give a new directory: nothing is overwritten',
  })
}
