import type { KubeObject } from './kube-api.ts'

/** What stands at a path of an object; undefined where nothing does. */
export function fieldAt(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((it, step) => {
    return typeof it === 'object' && it !== null ? (it as Record<string | number, unknown>)[step] : undefined
  }, value)
}

export function textAt(value: unknown, ...path: readonly string[]): string | null {
  const found = fieldAt(value, ...path)
  return typeof found === 'string' ? found : null
}

export function numberAt(value: unknown, ...path: readonly string[]): number | null {
  const found = fieldAt(value, ...path)
  return typeof found === 'number' ? found : null
}

export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = fieldAt(value, ...path)
  return Array.isArray(found) ? found : []
}

/** A map of texts, such as labels; what is no text is left out. */
export function textsAt(value: unknown, ...path: readonly string[]): Record<string, string> {
  const found = fieldAt(value, ...path)
  if (typeof found !== 'object' || found === null) return {}
  return Object.fromEntries(Object.entries(found).flatMap(([key, it]) => (typeof it === 'string' ? [[key, it]] : [])))
}

/** A time as ISO 8601 with milliseconds, as all times here are; null where there is none. */
export function timeAt(value: unknown, ...path: readonly string[]): string | null {
  const milliseconds = Date.parse(textAt(value, ...path) ?? '')
  return Number.isNaN(milliseconds) ? null : new Date(milliseconds).toISOString()
}

/** What somebody says for people to read, on one line and not without end. */
export function saidLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 400)
}

/** The condition of this type in an object's status. */
export function conditionOf(object: KubeObject, type: string): unknown {
  return listAt(object, 'status', 'conditions').find((it) => textAt(it, 'type') === type)
}
