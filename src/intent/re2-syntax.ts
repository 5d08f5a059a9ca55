/**
 * Why Go's regexp package refuses an expression (regexp/syntax, Perl flags); null where it accepts it.
 * Limits on the size of the compiled program are not checked.
 */
export function re2Fault(pattern: string): string | null {
  return new Re2Reader(pattern).read()
}

const UNICODE_CLASS = /^(\^?)(.+)$/

class Re2Reader {
  readonly #chars: readonly string[]
  readonly #names = new Set<string>()
  #at = 0
  #depth = 0

  constructor(pattern: string) {
    this.#chars = [...pattern]
  }

  read(): string | null {
    /** Whether the last thing can be repeated, or was a repetition, which cannot be repeated again. */
    let last: 'start' | 'thing' | 'repeated' = 'start'
    while (this.#at < this.#chars.length) {
      const char = this.#peek()
      if (char === '(') {
        const opened = this.#open()
        if (opened === 'flags') {
          if (last === 'repeated') last = 'thing'
          continue
        }
        if (opened !== 'group') return opened
        this.#depth++
        last = 'start'
      } else if (char === ')') {
        if (this.#depth === 0) return 'unexpected )'
        this.#depth--
        this.#at++
        last = 'thing'
      } else if (char === '|') {
        this.#at++
        last = 'start'
      } else if (char === '*' || char === '+' || char === '?' || this.#bounds() !== null) {
        const fault = this.#repeat(last)
        if (fault !== null) return fault
        last = 'repeated'
      } else {
        const fault = char === '[' ? this.#class() : char === '\\' ? this.#escape(false) : this.#skip()
        if (fault !== null) return fault
        last = 'thing'
      }
    }
    return this.#depth === 0 ? null : 'missing closing )'
  }

  #peek(ahead = 0): string {
    return this.#chars[this.#at + ahead] ?? ''
  }

  #rest(): string {
    return this.#chars.slice(this.#at).join('')
  }

  #skip(): null {
    this.#at++
    return null
  }

  #repeat(last: 'start' | 'thing' | 'repeated'): string | null {
    const bounds = this.#bounds()
    const operator = bounds?.text ?? this.#peek()
    if (last === 'start') return `nothing to repeat before ${operator}`
    if (last === 'repeated') return `a repetition of a repetition: ${operator}`
    if (bounds !== null && (bounds.least > 1000 || bounds.most > 1000 || bounds.least > bounds.most)) {
      return `invalid repeat count ${operator}`
    }
    this.#at += operator.length
    if (this.#peek() === '?') this.#at++
    return null
  }

  /** `{2}`, `{2,}`, `{2,5}`; anything else that starts with a brace stands for itself. */
  #bounds(): { text: string; least: number; most: number } | null {
    if (this.#peek() !== '{') return null
    const match = /^\{(0|[1-9]\d*)(,(0|[1-9]\d*)?)?\}/.exec(this.#rest())
    if (match === null) return null
    const least = Number(match[1])
    const most = match[2] === undefined || match[3] === undefined ? least : Number(match[3])
    return { text: match[0], least, most }
  }

  /** What an opening parenthesis starts. */
  #open(): 'group' | 'flags' | string {
    if (this.#peek(1) !== '?') {
      this.#at++
      return 'group'
    }
    const rest = this.#rest()
    const named = /^\(\?P?<(?![=!])([^>]*)>/.exec(rest)
    if (named !== null) {
      const name = named[1] ?? ''
      if (!/^\w+$/.test(name) || this.#names.has(name)) return `invalid group name ${named[0]}`
      this.#names.add(name)
      this.#at += [...named[0]].length
      return 'group'
    }
    const flags = /^\(\?([imsU]*)(-[imsU]+)?([:)])/.exec(rest)
    if (flags === null) {
      return /^\(\?<?[=!]/.test(rest) ? 'no lookaround' : `invalid group ${rest.slice(0, 4)}`
    }
    this.#at += flags[0].length
    return flags[3] === ')' ? 'flags' : 'group'
  }

  #class(): string | null {
    this.#at++
    if (this.#peek() === '^') this.#at++
    for (let first = true; first || this.#peek() !== ']'; first = false) {
      if (this.#at >= this.#chars.length) return 'missing closing ]'
      const named = /^\[:(\^?\w*):\]/.exec(this.#rest())
      if (named !== null) {
        if (!POSIX_CLASSES.has((named[1] ?? '').replace('^', ''))) return `invalid class ${named[0]}`
        this.#at += named[0].length
        continue
      }
      if (this.#isClassEscape()) {
        const fault = this.#escape(true)
        if (fault !== null) return fault
        continue
      }
      const low = this.#classChar()
      if (typeof low === 'string') return low
      if (this.#peek() !== '-' || this.#peek(1) === ']' || this.#peek(1) === '') continue
      this.#at++
      const high = this.#classChar()
      if (typeof high === 'string') return high
      if (high < low) return 'invalid range in [ ]'
    }
    this.#at++
    return null
  }

  #isClassEscape(): boolean {
    return this.#peek() === '\\' && /[dDsSwWpP]/.test(this.#peek(1))
  }

  /** The code point of one character of a class; a text is a fault. */
  #classChar(): number | string {
    const char = this.#peek()
    if (char === '') return 'missing closing ]'
    if (char !== '\\') {
      this.#at++
      return char.codePointAt(0) ?? 0
    }
    const from = this.#at
    const fault = this.#escape(true)
    return fault ?? escapedCode(this.#chars.slice(from, this.#at).join(''))
  }

  #escape(inClass: boolean): string | null {
    const rest = this.#rest()
    const known = inClass ? /^\\([dDsSwW]|[afnrtv])/ : /^\\([dDsSwW]|[afnrtv]|[AzbB])/
    if (!inClass && rest.startsWith('\\Q')) {
      const end = rest.indexOf('\\E')
      this.#at += [...(end === -1 ? rest : rest.slice(0, end + 2))].length
      return null
    }
    const unicode = /^\\[pP](?:\{([^}]*)\}|(.))/su.exec(rest)
    if (unicode !== null) {
      if (!isUnicodeClass(unicode[1] ?? unicode[2] ?? '')) return `invalid class ${unicode[0]}`
      this.#at += [...unicode[0]].length
      return null
    }
    const match =
      known.exec(rest) ??
      /^\\(?:0[0-7]{0,2}|[1-7][0-7]{1,2}|x[0-9A-Fa-f]{2}|x\{[0-9A-Fa-f]+\})/.exec(rest) ??
      /^\\[^0-9A-Za-z\u0080-\u{10ffff}]/su.exec(rest)
    if (match === null || escapedCode(match[0]) > 0x10ffff) {
      if (rest === '\\') return 'trailing backslash'
      return /^\\[1-9k]/.test(rest) ? 'no back-references' : `invalid escape ${[...rest].slice(0, 2).join('')}`
    }
    this.#at += match[0].length
    return null
  }
}

const POSIX_CLASSES = new Set(
  'alnum alpha ascii blank cntrl digit graph lower print punct space upper word xdigit'.split(' '),
)

const ESCAPED: { readonly [letter: string]: number } = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 }

/** The code point that an escape stands for; of classes, any. */
function escapedCode(text: string): number {
  const body = text.slice(1)
  const hexadecimal = /^x\{?([0-9A-Fa-f]+)/.exec(body)?.[1]
  if (hexadecimal !== undefined) return Number.parseInt(hexadecimal, 16)
  if (/^[0-7]+$/.test(body)) return Number.parseInt(body, 8)
  return ESCAPED[body] ?? body.codePointAt(0) ?? 0
}

/** Go: a general category, a script, or Any. */
function isUnicodeClass(text: string): boolean {
  const name = UNICODE_CLASS.exec(text)?.[2] ?? ''
  if (name === 'Any') return true
  return [`\\p{gc=${name}}`, `\\p{sc=${name}}`].some((it) => {
    try {
      return new RegExp(it, 'u').test('') || true
    } catch {
      return false
    }
  })
}
