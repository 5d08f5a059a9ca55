import type { DaemonFact } from '../containerd/running-daemon.ts'

const ORIGINS: Record<Exclude<DaemonFact['origin'], 'assumed'>, string> = {
  daemon: 'said by the daemon',
  file: 'read from',
  configured: 'configured',
  node: 'said by Kubernetes',
}

/** What is known about the daemon, a line each: the value, who said it, and when. What is assumed has a list of its own. */
export function daemonFactLines(facts: readonly DaemonFact[]): string[] {
  return facts.flatMap(({ name, value, origin, source, at }) => {
    if (origin === 'assumed') return []
    const from = origin === 'file' ? `${ORIGINS.file} ${source}` : `${ORIGINS[origin]} (${source})`
    return [`${name} ${value === '' ? "''" : value}, ${from}${at === '' ? '' : `, ${at}`}`]
  })
}
