/** The environment, as far as placeholders read it. */
export type Environment = Readonly<Record<string, string | undefined>>

const PLACEHOLDER = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g
// Private-use characters, so that braces mean nothing to YAML (`{ name: ${NODE_NAME} }` would be a nested map), a value
// can never change the structure, and every position stays what it is in the file.
const OPEN = '\uE000\uE000'
const CLOSE = '\uE001'
const SHIELDED = /\uE000\uE000([A-Za-z0-9_]+)\uE001/g

/** Hides placeholders from the YAML parser; of the same length as `text`. */
export function shieldPlaceholders(text: string): string {
  return text.replaceAll(PLACEHOLDER, (_, name: string) => `${OPEN}${name}${CLOSE}`)
}

/** Shows hidden placeholders as they were written. */
export function unshieldPlaceholders(text: string): string {
  return text.replaceAll(SHIELDED, (_, name: string) => `\${${name}}`)
}

/** Puts the environment's values in; `missing` hears the names that have none. */
export function fillPlaceholders(text: string, env: Environment, missing: (name: string) => void): string {
  return shieldPlaceholders(text).replaceAll(SHIELDED, (_, name: string) => {
    const value = env[name]
    if (value === undefined || value === '') missing(name)
    return value ?? ''
  })
}
