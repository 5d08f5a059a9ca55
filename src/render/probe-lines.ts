import type { EndpointProbe, Probes, SpegelTraffic } from '../drift/probes.ts'

/** What was answered to the agent itself, a line each. */
export function probeLines({ endpoints, harbor, spegel }: Probes): string[] {
  return [
    ...endpoints.map(endpointLine),
    ...(harbor === null ? [] : [`${harborText(harbor)} (${harbor.at})`]),
    ...(spegel === null ? [] : spegelLines(spegel)),
  ]
}

function spegelLines({ url, ready, words, at, registries }: NonNullable<Probes['spegel']>): string[] {
  return [
    `Spegel at ${url} is ${ready === true ? 'ready' : `not ready: ${words}`} (${at})`,
    ...(registries ?? []).map(trafficText),
  ]
}

/** What a Spegel did for one registry, and offers of it. */
export function trafficText({ registry, hits, misses, tags, contents }: SpegelTraffic): string {
  const offers = [count(contents, 'piece', 'of content'), count(tags, 'tag', '')].filter((it) => it !== null)
  const advertised = offers.length === 0 ? '' : `; it advertises ${offers.join(' and ')}`
  return `Spegel found ${hits} of ${hits + misses} requests for ${registry} at peers${advertised}`
}

function count(number: number | null, noun: string, of: string): string | null {
  return number === null ? null : `${number} ${noun}${number === 1 ? '' : 's'} ${of}`.trimEnd()
}

function endpointLine({ url, role, at, failure, failures, phases, steps }: EndpointProbe): string {
  if (failure !== null) return `${url} (${role}) failed ${times(failures)}: ${failure.words} (${at})`
  const passed = steps.filter((it) => it.result === 'passed').map((it) => it.step)
  const spent = Object.entries(phases).flatMap(([phase, seconds]) => {
    return seconds === null ? [] : [`${phase} ${(seconds * 1000).toFixed(1)} ms`]
  })
  return `${url} (${role}) answers ${passed.join(', ')}: ${spent.join(', ')} (${at})`
}

function times(count: number): string {
  return count === 1 ? 'once' : `${count} times in a row`
}

function harborText({ url, components, words }: NonNullable<Probes['harbor']>): string {
  if (components.length === 0) return `Harbor at ${url} says nothing of its health: ${words}`
  const bad = components.filter((it) => !it.healthy).map((it) => `${it.name}: ${it.words}`)
  const good = `${components.length - bad.length} of ${components.length} components healthy`
  return `Harbor at ${url} says: ${[good, ...bad].join(', ')}`
}
