import { CATALOGUE, type MetricEntry } from './catalogue.ts'

/** The text of docs/metrics.md, from the catalogue. */
export function metricsDocument(): string {
  const entries: readonly MetricEntry[] = Object.values(CATALOGUE)
  const rows = entries.map(({ name, type, labels }) => {
    return `| [\`${name}\`](#${name}) | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} |`
  })
  const sections = entries.map(({ name, type, help, labels, emitted, buckets }) => {
    const facts = [
      `- Type: ${type}`,
      `- Labels: ${labels.length === 0 ? 'none' : labels.map((label) => `\`${label}\``).join(', ')}`,
      `- Emitted: ${emitted}`,
      ...(buckets === undefined ? [] : [`- Buckets (seconds): ${buckets.join(', ')}`]),
    ]
    return `### ${name}\n\n${help}\n\n${facts.join('\n')}\n`
  })
  return `${HEAD}
| metric | type | labels |
|---|---|---|
${rows.join('\n')}

## Each metric

${sections.join('\n')}`
}

const HEAD = `# Metrics

<!-- Made from src/metrics/catalogue.ts by \`npx tap --snapshot test/metrics/metrics-document.test.ts\`. -->

Served at \`/metrics\` in Prometheus' text format. No series carries the node's name: the scrape configuration adds it.
Report metrics are set when something on the node changes, within half a second of the change, and are not computed
at the scrape. A registry that could not be seen is shown as 0 in \`pullpath_mirror_effective\` and
\`pullpath_registry_in_sync\`, never as 1.

A state set (\`pullpath_drift\`, \`pullpath_conflict\`, \`pullpath_fault\`) has a series for every declared registry and
every reason that its kind can have, 0 where all is well, so that an alert needs no \`absent()\`. The series of a
registry vanish when nobody declares it any more.

Useful questions:

\`\`\`promql
pullpath_mirror_effective == 0
max by (registry, reason) (pullpath_drift) == 1
time() - pullpath_finding_since_timestamp_seconds
pullpath_endpoint_info{role="peer", position="1"}
\`\`\`

## At a glance
`
