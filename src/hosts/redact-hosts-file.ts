import { type AST, parseTOML } from 'toml-eslint-parser'
import { goTomlString } from './go-toml-text.ts'

/** Keys whose values hold no secret, at the top level and in a host's table. All other values are hidden. */
const PUBLIC_KEYS = ['server', 'capabilities', 'ca', 'client', 'skip_verify', 'override_path', 'dial_timeout']
const HIDDEN = '***'

interface Edit {
  start: number
  end: number
  text: string
}

/**
 * A hosts.toml that may be shown: header values, whatever containerd does not know, comments, and the user and query
 * of URLs become `***`. A text that is no TOML is shown only in lines that can hold no secret. Never throws.
 */
export function redactHostsFile(text: string): string {
  const byLines = redactLines(text)
  // What both writers leave is public line by line; to see that is far cheaper than to read TOML.
  return byLines === text ? text : (redactDocument(text) ?? byLines)
}

function redactDocument(text: string): string | null {
  try {
    const program = parseTOML(text)
    const edits = program.comments.map((it): Edit => edit(it.range, `# ${HIDDEN}`))
    for (const node of program.body[0].body) {
      if (node.type === 'TOMLKeyValue') redactPair(node, [], edits)
      else {
        redactKey(node.key, edits)
        const path = node.key.keys.map(nameOf)
        for (const pair of node.body) redactPair(pair, path, edits)
      }
    }
    return applied(text, edits)
  } catch {
    // Not TOML, or nested too deeply: the line-based way needs no structure.
    return null
  }
}

function redactPair(pair: AST.TOMLKeyValue, parent: readonly string[], edits: Edit[]): void {
  redactKey(pair.key, edits)
  redactValue(pair.value, [...parent, ...pair.key.keys.map(nameOf)], edits)
}

function redactValue(value: AST.TOMLContentNode, path: readonly string[], edits: Edit[]): void {
  if (value.type === 'TOMLInlineTable' && isHostsTable(path)) {
    for (const pair of value.body) redactPair(pair, path, edits)
  } else if (!isPublic(path) || value.type === 'TOMLInlineTable') {
    edits.push(edit(value.range, `'${HIDDEN}'`))
  } else if (value.type === 'TOMLArray') {
    for (const element of value.elements) redactValue(element, path, edits)
  } else if (value.kind === 'string') {
    const shown = redactUrl(value.value)
    if (shown !== value.value) edits.push(edit(value.range, goTomlString(shown)))
  }
}

function redactKey(key: AST.TOMLKey, edits: Edit[]): void {
  for (const part of key.keys) {
    const name = nameOf(part)
    const shown = redactUrl(name)
    if (shown !== name) edits.push(edit(part.range, goTomlString(shown)))
  }
}

/** `host` itself, or the table of one host. */
function isHostsTable(path: readonly string[]): boolean {
  return path[0] === 'host' && path.length <= 2
}

function isPublic(path: readonly string[]): boolean {
  const last = path.at(-1) ?? ''
  return PUBLIC_KEYS.includes(last) && (path.length === 1 || (path[0] === 'host' && path.length === 3))
}

/** Without user and query, which containerd drops anyway. */
function redactUrl(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, `$1${HIDDEN}@`).replace(/\?.*$/s, `?${HIDDEN}`)
}

function nameOf(key: AST.TOMLBare | AST.TOMLQuoted): string {
  return key.type === 'TOMLBare' ? key.name : key.value
}

function edit([start, end]: readonly [number, number], text: string): Edit {
  return { start, end, text }
}

function applied(text: string, edits: readonly Edit[]): string {
  let result = ''
  let from = 0
  for (const { start, end, text: shown } of [...edits].sort((a, b) => a.start - b.start)) {
    result += text.slice(from, start) + shown
    from = end
  }
  return result + text.slice(from)
}

// A quoted text without user, query and escapes.
const PLAIN = String.raw`(?:'[^'@?]*'|"[^"@?\\]*")`
const PLAIN_LIST = String.raw`\[\s*(?:${PLAIN}\s*(?:,\s*)?)*\]`
const HOST_LINE = new RegExp(String.raw`^\s*\[\s*host\s*(?:\.\s*(?:${PLAIN}|[\w-]+)\s*)?\]\s*$`)
const OTHER_TABLE_LINE = new RegExp(String.raw`^\s*\[\s*host\s*\.\s*(?:${PLAIN}|[\w-]+)\s*\.\s*header\s*\]\s*$`)
const SETTING_LINE = new RegExp(
  String.raw`^\s*(?:${PUBLIC_KEYS.join('|')})\s*=\s*(?:${PLAIN}|${PLAIN_LIST}|\[\s*${PLAIN_LIST}\s*\]|true|false)\s*$`,
)

/** Shows a line only where it is known to be public: settings after a line that was not understood are hidden too. */
function redactLines(text: string): string {
  let isUnderstood = true
  let isLost = false
  const shown = text.split('\n').map((line) => {
    // From a multi-line string on nothing is certain any more.
    if (/'''|"""/.test(line)) isLost = true
    if (isLost) return HIDDEN
    if (line.trim() === '') return line
    if (HOST_LINE.test(line)) {
      isUnderstood = true
      return line
    }
    if (isUnderstood && SETTING_LINE.test(line)) return line
    isUnderstood = false
    return OTHER_TABLE_LINE.test(line) ? line : HIDDEN
  })
  return shown.join('\n')
}
