import { setTimeout as pause } from 'node:timers/promises'
import type { Finding } from '../../drift/report.ts'
import { renderFinding } from '../../render/finding-text.ts'
import { paint } from '../../render/render-options.ts'
import { wrapText } from '../../render/wrap-text.ts'
import type { CommandContext } from '../command.ts'
import { REGISTRY } from './declared.ts'
import type { DemoSite } from './demo-site.ts'
import type { Scenario, Sign } from './scenarios.ts'

/** How long a person on a terminal gets to read a step, in milliseconds. */
const READING_TIME = 4000
/** How long the agent may take before the demo calls it a failure, in milliseconds. */
const PATIENCE = 10_000
const POLL = 20

/**
 * Plays the incident on the running agent and tells, from what the agent serves over HTTP, when it sees each step.
 * Returns whether it saw all of them.
 */
export async function playScenario(scenario: Scenario, site: DemoSite, context: CommandContext): Promise<boolean> {
  for (const [index, step] of scenario.steps.entries()) {
    if (context.terminal && index > 0) await pause(READING_TIME, undefined, { signal: context.signal })
    tell(context, `\n${timeOfDay()}  `, step.story)
    await step.act(site)
    const written = performance.now()
    const series = await seriesWith(site, step.sign, context.signal)
    const seconds = ((performance.now() - written) / 1000).toFixed(2)
    if (series === null) {
      tell(context, `${timeOfDay()}  `, `The agent does not show it within ${PATIENCE / 1000} s.`)
      return false
    }
    // A series is never wrapped, so that it can be searched for.
    context.write(`${timeOfDay()}  ${seconds} s later, in /metrics:\n${' '.repeat(14)}${series}\n`)
    const found = await findings(site)
    const shown = found.filter((it) => it.registry === REGISTRY)
    for (const it of shown) context.write(`\n${renderFinding(it, context)}\n`)
    const others = new Set(found.filter((it) => it.registry !== REGISTRY).map((it) => it.registry))
    if (others.size > 0) context.write(`\nAlso found for ${[...others].join(', ')}.\n`)
    if (!step.sign.present && found.length > 0) return false
  }
  context.write(`\n${paint('green', 'Healed: nothing is found any more.', context)}\n`)
  return true
}

/** The series of `/metrics` that carries the sign; null where the agent did not show it in time. */
async function seriesWith(site: DemoSite, sign: Sign, signal: AbortSignal): Promise<string | null> {
  const value = sign.present ? '1' : '0'
  const end = performance.now() + PATIENCE
  while (performance.now() < end) {
    const text = await (await fetch(`${site.agentUrl()}/metrics`, { signal })).text()
    const line = text.split('\n').find((it) => isSeriesOf(it, sign.reason) && it.endsWith(` ${value}`))
    if (line !== undefined) return line
    await pause(POLL, undefined, { signal })
  }
  return null
}

function isSeriesOf(line: string, reason: string): boolean {
  return (
    line.startsWith('pullpath_drift{') && line.includes(`registry="${REGISTRY}"`) && line.includes(`reason="${reason}"`)
  )
}

async function findings(site: DemoSite): Promise<Finding[]> {
  const response = await fetch(`${site.agentUrl()}/api/v1/findings`)
  return (await response.json()) as Finding[]
}

function tell(context: CommandContext, start: string, text: string): void {
  const breaks = start.length - start.trimStart().length
  context.write(`${start.slice(0, breaks)}${wrapText(text, context.width, start.slice(breaks))}\n`)
}

function timeOfDay(): string {
  return new Date().toISOString().slice(11, 23)
}
