import type { YAMLError } from 'yaml'
import { PullpathError } from '../errors.ts'
import type { SourcePosition } from '../source-position.ts'

const SYNTAX_MESSAGES: { readonly [code: string]: string } = {
  DUPLICATE_KEY: 'this key stands twice in one map',
  RESOURCE_EXHAUSTION: 'this is nested too deeply',
}

/** The parser's error as ours, without the source that it quotes. */
export function syntaxError(text: string, error: YAMLError, position: SourcePosition): PullpathError {
  const lines = text.split('\n', position.line)
  const star = unquotedStar(lines)
  if (star !== null) {
    return new PullpathError('PP_YAML_INVALID', 'not valid YAML: a key that starts with * needs quotes', {
      position: { file: position.file, line: star.line, column: star.column },
      advice: `write ${star.instead}`,
    })
  }
  const templated = /\{\{|\{%/.test(lines.at(-1) ?? '')
  // The parser quotes the source behind a colon, and a source line may hold a password.
  const what = SYNTAX_MESSAGES[error.code] ?? error.message.replace(/: .*$/s, '')
  return new PullpathError('PP_YAML_INVALID', `not valid YAML: ${what}`, {
    position,
    advice: templated ? 'a template stands here: render it first and give the result' : '',
  })
}

/** How to write the `*` at this place, which YAML takes for an alias. */
export function starAdvice(text: string, position: SourcePosition): string {
  const star = unquotedStar(text.split('\n', position.line))
  return star === null ? 'put text that starts with * in quotes' : `write ${star.instead}`
}

/**
 * A key such as `*:` without quotes, in the last line or the one above it. To YAML 1.2.2 it is an alias whose name ends
 * with the colon (7.1), and the parser's errors then speak of something else, often one line below.
 */
function unquotedStar(lines: readonly string[]): { line: number; column: number; instead: string } | null {
  for (const line of [lines.length, lines.length - 1]) {
    const match = /^([ \t]*(?:-[ \t]+)?)\*([A-Za-z0-9.-]*(?::\d+)?):(?:\s|$)/.exec(lines[line - 1] ?? '')
    if (match !== null) return { line, column: (match[1] ?? '').length + 1, instead: `"*${match[2]}":` }
  }
  return null
}
