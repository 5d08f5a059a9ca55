/** A command line that runs a program in the network and mount namespaces of a process, and not longer than this one. */
export function commandInside(pid: number, program: string, args: readonly string[]): [string, ...string[]] {
  return ['nsenter', `--target=${pid}`, '--net', '--mount', 'setpriv', '--pdeathsig=KILL', program, ...args]
}
