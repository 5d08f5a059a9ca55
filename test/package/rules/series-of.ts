/** A series that a PromQL expression asks for. */
export interface Series {
  metric: string
  matchers: { label: string; operator: string; value: string }[]
}

const KEYWORDS = ['and', 'or', 'unless', 'bool']
const GROUPING = /\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g

/** As far as our rules go: no label value has a brace or a quote, and no text stands outside of braces. */
export function seriesOf(expr: string): Series[] {
  const names = expr.replace(GROUPING, ' ').replace(/\[[^\]]*\]( offset \w+)?/g, ' ')
  return [...names.matchAll(/([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})?(?![\w:]*\s*\()/g)]
    .filter(([, name = '']) => !KEYWORDS.includes(name))
    .map(([, metric = '', inside = '']) => ({
      metric,
      matchers: [...inside.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g)].map(
        ([, label = '', operator = '', value = '']) => ({ label, operator, value }),
      ),
    }))
}

/** The labels that an expression groups or joins by, each list as it stands. */
export function groupingsOf(expr: string): string[][] {
  return [...expr.matchAll(GROUPING)].map(([, inside = '']) => inside.split(',').map((it) => it.trim()))
}
