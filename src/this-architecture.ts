/** Go's names where Node has others. */
const NAMES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' }

/** The architecture of this node, as images and containerd name it. */
export const THIS_ARCHITECTURE = NAMES[process.arch] ?? process.arch
