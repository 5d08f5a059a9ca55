import type { Environment, Word } from './spegel-command-line.ts'

/**
 * What Kubernetes makes of a container's argument or variable: `$(NAME)` is replaced where the variable is known and
 * stays where it is not, `$$` is one dollar. Each node's own address is kept as `$(NODE_IP)` (put it into `environment`).
 */
export function expandVariables(word: Word, environment: Environment): Word {
  const text = word.text.replace(/\$\$|\$\(([A-Za-z_.-][\w.-]*)\)/g, (whole, name: string | undefined) =>
    name === undefined ? '$' : (environment.get(name)?.text ?? whole),
  )
  return { text, source: word.source }
}
