/**
 * A place that a person can open. In a text, lines and columns count from 1, as editors do. In an object of a cluster
 * there are none: both are 0, and `file` is the object's name and the path in it,
 * `daemonset kube-system/spegel .spec.template.spec.initContainers[0].args[3]`.
 */
export interface SourcePosition {
  file: string
  line: number
  column: number
}

/** Whether it is a place in a file, which can be edited there; an object of a cluster is edited where it comes from. */
export function isInFile(position: SourcePosition): boolean {
  return position.line > 0
}

/** `file:line:column`, the form that terminals and editors make clickable. */
export function formatPosition(position: SourcePosition): string {
  return isInFile(position) ? `${position.file}:${position.line}:${position.column}` : position.file
}
