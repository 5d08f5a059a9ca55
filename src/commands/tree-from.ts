import { viewOf } from '../hosts/file-view.ts'
import type { Inputs } from '../watch/inputs.ts'
import { readTree } from '../watch/read-tree.ts'

/**
 * Puts the tree at `directory` of this machine, such as a copy of a node's, or below `hostRoot`, in the place of the
 * directory that the node's containerd reads. Never throws: what cannot be read is told in `node.inputs`.
 */
export function withTreeFrom(directory: string, place: string, inputs: Inputs, hostRoot = '/'): Inputs {
  const hosts = readTree(directory, { hostRoot })
  const message =
    hosts.kind === 'directory' ? '' : `${directory}: ${hosts.kind === 'file' ? 'it is a file' : hosts.message}`
  const up = hosts.kind === 'directory'
  return {
    ...inputs,
    observed: { hosts, view: viewOf(new Map([[place, hosts]])) },
    node: {
      ...inputs.node,
      inputs: inputs.node.inputs.map((it) => (it.input === 'hosts' ? { input: 'hosts', up, message } : it)),
    },
  }
}
