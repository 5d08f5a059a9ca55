import type { IntentFile, YamlNode } from '../format/yaml-documents.ts'
import type { Word } from './spegel-command-line.ts'
import type { SpegelContainers } from './spegel-settings.ts'

const NO_ENVIRONMENT = new Map<string, Word>()

/** Whether a text file is a command line of Spegel: `configuration --mirror-targets ...`, with or without `spegel`. */
export function isCommandLine(text: string): boolean {
  return /^(\s*#[^\n]*\n|\s)*(\S*\bspegel\s+)?(configuration|registry)(\s|$)/.test(text)
}

/** The words of a text file, split as a shell splits them; a subcommand starts a new command line. */
export function argumentsInText(file: IntentFile): SpegelContainers {
  return containersOf(shellWords(file))
}

/** A YAML list whose words are Spegel's arguments; null where it is none. */
export function argumentsInList(node: YamlNode): SpegelContainers | null {
  if (node.kind !== 'list') return null
  const words = node.items.map((it) => ({
    text: it.kind === 'scalar' && it.value !== null ? it.text : '',
    source: it.at,
  }))
  const [first, second] = words.map((it) => it.text)
  const starts = /(^|\/)spegel$/.test(first ?? '') ? second : first
  return starts === 'configuration' || starts === 'registry' ? containersOf(words) : null
}

function containersOf(words: readonly Word[]): SpegelContainers {
  const called = (name: string) => {
    const start = words.findIndex((it) => it.text === name)
    if (start === -1) return null
    const rest = words.slice(start + 1)
    const end = rest.findIndex((it) => /^(\S*\/)?(spegel|configuration|registry)$/.test(it.text))
    return { words: end === -1 ? rest : rest.slice(0, end), environment: NO_ENVIRONMENT }
  }
  const configuration = called('configuration')
  return { configuration: configuration && { ...configuration, mountsBasicAuth: false }, registry: called('registry') }
}

/** Words with their places: quotes and backslashes as in a shell, `#` starts a comment between words. */
function shellWords(file: IntentFile): Word[] {
  const words: Word[] = []
  const lines = file.text.split('\n')
  lines.forEach((line, index) => {
    for (const match of line.matchAll(/#.*$|(?:[^\s"'\\#]|"(?:[^"\\]|\\.)*"|'[^']*'|\\.|(?<=\S)#)+/g)) {
      if (match[0].startsWith('#')) break
      const source = { file: file.path, line: index + 1, column: match.index + 1 }
      words.push({ text: unquoted(match[0]), source })
    }
  })
  return words
}

function unquoted(text: string): string {
  return text.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/g, (_, double, single, escaped) =>
    double === undefined ? (single ?? escaped ?? '') : String(double).replace(/\\(["\\$`])/g, '$1'),
  )
}
