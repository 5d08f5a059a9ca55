/** A place in a text that a person can open. Lines and columns count from 1, as editors do. */
export interface SourcePosition {
  file: string
  line: number
  column: number
}

/** `file:line:column`, the form that terminals and editors make clickable. */
export function formatPosition(position: SourcePosition): string {
  return `${position.file}:${position.line}:${position.column}`
}
