import { styleText } from 'node:util'

/** How a text for a person is laid out. Nothing here looks at the terminal: the caller says what it has. */
export interface RenderOptions {
  colour: boolean
  /** Columns. Text is wrapped to it; URLs and commands are never broken. */
  width: number
}

type Style = Parameters<typeof styleText>[0]

/** The text in that style, or as it is where no colour is wanted. */
export function paint(style: Style, text: string, options: RenderOptions): string {
  return options.colour ? styleText(style, text, { validateStream: false }) : text
}
