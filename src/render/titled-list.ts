import type { RenderOptions } from './render-options.ts'
import { wrapText } from './wrap-text.ts'

/** A title and one item a line behind a dash, each wrapped. No line break at its end. */
export function titledList(title: string, items: readonly string[], options: RenderOptions): string {
  return [title, ...items.map((it) => wrapText(it, options.width, '  - '))].join('\n')
}
