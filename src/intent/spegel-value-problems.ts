import type { IntentProblem } from './intent.ts'
import { re2Fault } from './re2-syntax.ts'
import type { Word } from './spegel-command-line.ts'
import type { SpegelEra } from './spegel-era.ts'
import type { SpegelSettings } from './spegel-settings.ts'
import { registryName, spegelUrlFault } from './spegel-url.ts'

/** What is asked of the values: by whom they were rendered decides what a placeholder means. */
export interface ValueContext {
  era: SpegelEra
  /** Flux substitutes `${VAR}` before Helm sees it, if its Kustomization says so. */
  fluxRenders: boolean
}

const NEVER_STARTS = 'Spegel refuses it, so its pod does not start and the hosts tree stays as it is'

/** Every value that Spegel refuses, or takes in another way than it reads. */
export function valueProblems(settings: SpegelSettings, context: ValueContext): IntentProblem[] {
  const served = settings.servedRegistries ?? []
  return [
    ...settings.mirroredRegistries.flatMap((word) => registryProblem(word, context)),
    ...wildcardProblem(settings.mirroredRegistries, context),
    ...duplicateProblems(settings.mirroredRegistries, context),
    ...served.flatMap((word) => registryProblem(word, context)),
    ...settings.mirrorTargets.flatMap((word) => targetProblem(word, context)),
    ...repeatedTargets(settings.mirrorTargets),
    ...settings.registryFilters.flatMap((word) => filterProblem(word)),
    ...placeholderProblem(settings.registryConfigPath, context.fluxRenders),
  ]
}

function registryProblem(word: Word, context: ValueContext): IntentProblem[] {
  const { text, source } = word
  const isWildcard = text === '_default' || text === '*'
  if (isWildcard && context.era.wildcards.includes(text)) return []
  if (isWildcard) {
    const instead = context.era.wildcards[0] ?? '[]'
    const why =
      context.era.wildcards.length === 0
        ? 'an empty list stands for every registry in this version'
        : 'this version knows the wildcard by that name only'
    return [
      {
        code: 'SPEGEL_REGISTRY_NOT_A_HOST',
        registry: '_default',
        message: `This version of Spegel does not know "${text}" in mirroredRegistries: ${NEVER_STARTS}`,
        remedy: [{ command: instead === '[]' ? 'mirroredRegistries: []' : `- ${instead}`, why }],
        source,
      },
    ]
  }
  const placeholder = placeholderProblem(word, context.fluxRenders)
  if (placeholder.length > 0) return placeholder
  const fault = spegelUrlFault(text)
  if (fault === null) return []
  const name = registryName(text)
  const right = `- ${withScheme(text, name)}`
  if (fault === 'no-scheme') {
    return [
      {
        code: 'SPEGEL_REGISTRY_NO_SCHEME',
        registry: name === '' ? null : name,
        message: `The mirrored registry "${text}" has no scheme: ${NEVER_STARTS}`,
        remedy: [
          {
            command: right,
            why: `the scheme is how Spegel makes containerd ask the registry itself${alternative(name)}`,
          },
        ],
        source,
      },
    ]
  }
  return [
    {
      code: 'SPEGEL_REGISTRY_NOT_A_HOST',
      registry: name === '' ? null : name,
      message: `The mirrored registry "${text}" ${FAULTS[fault]}: ${NEVER_STARTS}`,
      remedy: name === '' ? [] : [{ command: right, why: 'scheme, host and port, and nothing else' }],
      source,
    },
  ]
}

const FAULTS = {
  'no-scheme': 'has no scheme',
  scheme: 'has a scheme other than http and https',
  host: 'has no host that can be one',
  user: 'has a user in it',
  path: 'has a path or a trailing slash',
  query: 'has a query',
}

function withScheme(text: string, name: string): string {
  const scheme = /^(https?):\/\//i.exec(text)?.[1]?.toLowerCase()
  return `${scheme ?? (isPlainHttp(name) ? 'http' : 'https')}://${name}`
}

/** A guess for the advice alone: an address or a port in a registry's name mostly means a registry without TLS. */
function isPlainHttp(name: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+(:\d+)?$/.test(name) || /:(?!443$)\d+$/.test(name)
}

function alternative(name: string): string {
  return isPlainHttp(name) ? '; https:// if it speaks TLS' : '; http:// if it speaks no TLS'
}

/** Spegel 0.5: pkg/oci/filter.go refuses a second wildcard. */
function wildcardProblem(words: readonly Word[], context: ValueContext): IntentProblem[] {
  const wildcards = words.filter((it) => context.era.wildcards.includes(it.text))
  const second = wildcards[1]
  if (second === undefined || context.era.wildcards.length < 2) return []
  return [
    {
      code: 'SPEGEL_REGISTRY_DUPLICATE',
      registry: '_default',
      message: `mirroredRegistries has a second wildcard, "${second.text}": ${NEVER_STARTS}`,
      remedy: [{ command: `remove "- ${second.text}"`, why: '_default and * mean the same' }],
      source: second.source,
    },
  ]
}

/** Two entries for one host write the same file one after the other. */
function duplicateProblems(words: readonly Word[], context: ValueContext): IntentProblem[] {
  const seen = new Map<string, Word>()
  const problems: IntentProblem[] = []
  for (const word of words) {
    const registry = registryName(word.text)
    if (context.era.wildcards.includes(word.text) || registry === '') continue
    const first = seen.get(registry)
    const effect =
      first?.text === word.text
        ? 'the second changes nothing'
        : `the last one decides how containerd asks the registry itself, so ${first?.text} has no effect`
    if (first !== undefined) {
      problems.push({
        code: 'SPEGEL_REGISTRY_DUPLICATE',
        registry,
        message: `mirroredRegistries lists ${registry} twice: ${effect}`,
        remedy: [{ command: `- ${word.text}`, why: 'keep one entry, with the scheme that the registry speaks' }],
        source: word.source,
      })
    }
    seen.set(registry, word)
  }
  return problems
}

/** Spegel renders one table a target into each of its files. */
function repeatedTargets(words: readonly Word[]): IntentProblem[] {
  const first = new Map<string, Word>()
  const problems: IntentProblem[] = []
  for (const word of words) {
    const earlier = first.get(word.text)
    if (earlier === undefined) {
      first.set(word.text, word)
      continue
    }
    problems.push({
      code: 'SPEGEL_TARGET_DUPLICATE',
      registry: null,
      message: `The mirror target "${word.text}" stands twice: Spegel writes its table twice, and containerd ignores every hosts.toml of Spegel's`,
      remedy: [
        {
          command: '# give hostPort, nodePort and each further target a port or an address of its own',
          why: 'each of them is a table of its own in hosts.toml',
        },
      ],
      // One of the chart's own targets may be a default, which has no place.
      source: word.source ?? earlier.source,
    })
  }
  return problems
}

function targetProblem(word: Word, context: ValueContext): IntentProblem[] {
  const placeholder = placeholderProblem(word, context.fluxRenders)
  if (placeholder.length > 0) return placeholder
  const { text, source } = word
  const fault = spegelUrlFault(text)
  const problem = (what: string, effect: string, command: string): IntentProblem[] => [
    {
      code: 'SPEGEL_TARGET_INVALID',
      registry: null,
      message: `The mirror target "${text}" ${what}: ${effect}`,
      remedy: [{ command, why: 'a target is scheme, host and port, and nothing else' }],
      source,
    },
  ]
  if (/:$/.test(text)) {
    const effect = 'containerd asks port 80 of the node, where Spegel does not listen'
    return problem('has no port', effect, 'remove the empty nodePort or hostPort, or give it a number')
  }
  if (fault === null) return []
  const name = registryName(text)
  const effect = context.era.checksTargets
    ? NEVER_STARTS
    : 'this version writes it into hosts.toml unchecked, where containerd cannot use it'
  return problem(FAULTS[fault], effect, `- ${withScheme(text, name)}`)
}

function filterProblem(word: Word): IntentProblem[] {
  const fault = re2Fault(word.text)
  if (fault === null) return []
  return [
    {
      code: 'SPEGEL_FILTER_INVALID',
      registry: null,
      message: `The registry filter "${word.text}" is no regular expression to Go (${fault}): the registry container does not start, and peers serve nothing from this node`,
      remedy: [
        {
          command: "- ':latest$'",
          why: 'Go knows no lookaround and no back-references; an expression is searched for in registry/repository:tag',
        },
      ],
      source: word.source,
    },
  ]
}

/** A `${VAR}`, `$(VAR)` or `{{ }}` that was left in a value. */
export function placeholderProblem(word: Word, fluxRenders: boolean): IntentProblem[] {
  const found = /\$\{[^}]*\}?|\{\{.*?(\}\}|$)|\$\((?!NODE_IP\))[^)]*\)/s.exec(word.text)?.[0]
  if (found === undefined) return []
  const problem = (message: string, command: string, why: string): IntentProblem[] => [
    { code: 'VARIABLE_UNRENDERED', registry: null, message, remedy: [{ command, why }], source: word.source },
  ]
  if (found.startsWith('${') && fluxRenders) {
    return problem(
      `"${word.text}" holds ${found}, which Flux fills in before Helm sees it: Pullpath cannot see what it becomes`,
      '# give the file as flux build kustomization renders it, or write the value out',
      'where Flux does not substitute, Spegel would not start',
    )
  }
  return problem(
    `"${word.text}" still holds ${found}: unless something fills it in, ${NEVER_STARTS}`,
    `write the value in place of ${found}`,
    'or render the file first and give the result',
  )
}
