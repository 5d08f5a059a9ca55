import { CONFIG_SCHEMA, type ConfigSchema } from './config-schema.ts'
import { allowedValues } from './read-config.ts'

/** The text of docs/configuration.md, from the schema. */
export function configDocument(): string {
  const sections = Object.entries(CONFIG_SCHEMA.properties ?? {})
  const parts = sections.map(([name, schema]) => {
    return `## ${name}\n\n${schema.description}\n\n| field | default | allowed | what |\n|---|---|---|---|\n${rows(name, schema)}`
  })
  return `${HEAD}\n${parts.join('\n\n')}\n`
}

function rows(path: string, schema: ConfigSchema): string {
  return Object.entries(schema.properties ?? {})
    .map(([name, field]) => {
      const at = `${path}.${name}`
      if (field.properties !== undefined) return rows(at, field)
      const cells = [`\`${at}\``, `\`${shownDefault(field.default)}\``, allowedValues(field), field.description ?? '']
      return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
    })
    .join('\n')
}

function shownDefault(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

const HEAD = `# Configuration

<!-- Made from src/config/config-schema.ts by \`npx tap --snapshot test/config/config-document.test.ts\`. -->

\`pullpath agent\` reads one YAML file, \`/etc/pullpath/config.yaml\` unless \`--config\` names another. Every field has a
default, so that most nodes need no more than the intent files where they are looked for:

\`\`\`yaml
node: { name: \${NODE_NAME}, ip: \${NODE_IP} }
intent:
  talos: { patches: [/etc/pullpath/talos/*.yaml] }
  spegel: { from: values, values: [/etc/pullpath/spegel/*.yaml] }
\`\`\`

- \`\${NAME}\` in a value stands for an environment variable; one that is not set is a mistake.
- A duration is written as \`250ms\`, \`5s\` or \`1h30m\`; \`0\` turns an activity off where that is allowed.
- An unknown key or a wrong value is refused at the start, all of them at once, with file, line and column.
- A change of the file is taken over while the agent runs, and on SIGHUP. A wrong one is logged,
  \`pullpath_config_last_reload_successful\` becomes 0, and the last good configuration stays in force.
`
