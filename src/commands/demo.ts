import { PullpathError } from '../errors.ts'
import { nearestName } from '../nearest-name.ts'
import { paint } from '../render/render-options.ts'
import type { Arguments, Command, CommandContext } from './command.ts'
import { REGISTRY } from './demo/declared.ts'
import type { DemoSite } from './demo/demo-site.ts'
import { playScenario } from './demo/play-scenario.ts'
import { SCENARIOS, type Scenario } from './demo/scenarios.ts'
import { usage } from './parse-arguments.ts'

const NAMES = Object.keys(SCENARIOS)

export const demo: Command = {
  name: 'demo',
  summary: 'runs the real agent on a throw-away node of this machine; needs no cluster, no root and no network',
  positionals: [],
  options: {
    scenario: { value: 'NAME', summary: `play an incident: ${NAMES.join(', ')}` },
    port: { value: 'N', summary: "the agent's port on 127.0.0.1 (default: 9478, or any that is free)" },
    once: { summary: 'end when the scenario is over, instead of serving until Ctrl-C' },
  },
  description: `scenarios:
${NAMES.map((it) => `  ${it.padEnd(18)}${SCENARIOS[it]?.summary ?? ''}`).join('\n')}

Stand-ins for Harbor and for Spegel listen on free ports of 127.0.0.1; the node's files are in a new directory that is
removed at the end. The agent is the one that runs in a cluster.

exit codes:
  0  ended as asked
  1  the agent did not show what the scenario did
  2  it could not start; or wrong usage`,

  async run(context, given) {
    const scenario = scenarioOf(given)
    const port = portOf(given)
    // Loaded here, so that the other commands need not wait for a server that they never start.
    const { openDemoSite } = await import('./demo/demo-site.ts')
    const site = await openDemoSite(port)
    try {
      context.write(await introduction(site))
      const seen = scenario === null || (await playScenario(scenario, site, context))
      if (!seen) return 1
      if (given.has('once')) return 0
      context.write(linesToTry(site, context))
      context.write(`\nThe agent goes on serving ${site.agentUrl()}/ until Ctrl-C.\n`)
      await aborted(context.signal)
      return 0
    } catch (error) {
      if (context.signal.aborted) return 0
      throw error
    } finally {
      await site.close()
    }
  },
}

function scenarioOf(given: Arguments): Scenario | null {
  const name = given.text('scenario')
  if (name === null) return null
  const scenario = Object.hasOwn(SCENARIOS, name) ? SCENARIOS[name] : undefined
  if (scenario !== undefined) return scenario
  const near = nearestName(name, NAMES)
  throw new PullpathError('PP_SCENARIO_UNKNOWN', `demo: no scenario is called ${JSON.stringify(name)}`, {
    advice: near === null ? `known: ${NAMES.join(', ')}` : `did you mean ${near}?`,
  })
}

function portOf(given: Arguments): number | null {
  const text = given.text('port')
  if (text === null) return null
  const port = Number(text)
  if (/^\d+$/.test(text) && port <= 65_535) return port
  throw usage(demo, `--port: ${JSON.stringify(text)} is not a port: 0 to 65535`)
}

async function introduction(site: DemoSite): Promise<string> {
  const agent = site.agentUrl()
  const page = await (await fetch(`${agent}/`, { headers: { accept: 'text/plain' } })).text()
  return `A throw-away node in ${site.directory}; nothing leaves this machine.

  pullpath agent      ${agent}
  stand-in Harbor     ${site.harbor.url}
  stand-in Spegel     ${site.spegel.map((it) => it.url).join(' and ')}
  hosts tree          ${site.hostsDir}

What the agent says now (curl ${agent}/):

${page.trimEnd().replaceAll(/^(?=.)/gm, '  ')}
`
}

function linesToTry(site: DemoSite, context: CommandContext): string {
  const agent = site.agentUrl()
  const [hostPort] = site.spegel
  return `
${paint('bold', 'Try in another terminal:', context)}
  curl -s ${agent}/metrics | grep -E '^pullpath_(mirror_effective|drift.* 1)'
  curl -s '${agent}/api/v1/explain?image=${REGISTRY}/library/hello:v1'
  curl -s ${agent}/api/v1/findings
What containerd would ask: a peer that has the image, one that has not, then Harbor:
  curl -i '${hostPort.url}/v2/library/hello/manifests/v1?ns=${REGISTRY}'
  curl -i '${hostPort.url}/v2/library/fresh/manifests/v1?ns=${REGISTRY}'
  curl -i '${site.harbor.url}/v2/library/fresh/manifests/v1?ns=${REGISTRY}'
Break it and ask the agent again:
  rm -r ${site.hostsDir}/${REGISTRY}
Or watch an incident: pullpath demo --scenario ${NAMES[0]}
`
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
