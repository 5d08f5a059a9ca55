import { DEFAULT_CONFIG_FILE } from '../config/load-config.ts'
import type { Command } from './command.ts'
import { CONFIG_OPTION } from './settings.ts'

export const agent: Command = {
  name: 'agent',
  summary: 'watches this node, serves HTTP and exposes metrics, until it is asked to stop',
  positionals: [],
  options: { ...CONFIG_OPTION },
  description: `SIGTERM and SIGINT stop it, SIGHUP makes it read its configuration again.

exit codes:
  0  stopped as asked
  2  it could not start: the configuration is wrong, or the port is taken`,

  async run(context, given) {
    // Loaded here, so that the other commands need not wait for a server that they never start.
    const { startAgent } = await import('../agent.ts')
    const running = await startAgent({ configFile: given.text('config') ?? DEFAULT_CONFIG_FILE })
    context.onReload(() => void running.reload())
    await new Promise<void>((resolve) => {
      if (context.signal.aborted) return resolve()
      context.signal.addEventListener('abort', () => resolve(), { once: true })
    })
    await running.stop()
    return 0
  },
}
