/** A series selector of a PromQL query, and what stands right before and after it. */
export interface Selector {
  metric: string
  matchers: string[]
  before: string
  after: string
}

/** As far as our queries go: every selector has braces, and no label value has a comma, a brace or a quote. */
export function selectorsOf(expr: string): Selector[] {
  return [...expr.matchAll(/([a-zA-Z_:][\w:]*)\{([^}]*)\}/g)].map(
    ({ 0: whole, 1: metric = '', 2: inside = '', index }) => ({
      metric,
      matchers: inside.split(/,\s*/),
      before: expr.slice(0, index),
      after: expr.slice(index + whole.length),
    }),
  )
}
