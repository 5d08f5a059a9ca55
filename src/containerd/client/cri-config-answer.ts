/** What CRI's verbose Status tells of the configuration in force. containerd 1.x: pkg/cri/server/status.go. */

/** Only what decides where images are pulled from. The answer holds registry passwords too: they are not taken over. */
export interface CriConfigAnswer {
  /** A `:`-list included; empty: no hosts directory. */
  configPath: string
  /** The deprecated `registry.mirrors`; endpoints without user names and passwords. */
  legacyMirrors: ReadonlyMap<string, readonly string[]>
  discardUnpackedLayers: boolean
  snapshotter: string
}

/**
 * Reads the `config` of a verbose Status; null where it does not hold the registry's part (2.x). Throws TypeError and
 * SyntaxError where it is not what containerd sends; their text quotes nothing of it.
 */
export function readCriConfig(json: string): CriConfigAnswer | null {
  const config = parse(json)
  const registry = field(config, 'registry')
  if (registry === undefined || registry === null) return null
  const containerd = field(config, 'containerd')
  return {
    configPath: typed(field(registry, 'configPath'), 'string', '') as string,
    legacyMirrors: mirrorsOf(field(registry, 'mirrors')),
    discardUnpackedLayers: typed(field(containerd, 'discardUnpackedLayers'), 'boolean', false) as boolean,
    snapshotter: typed(field(containerd, 'snapshotter'), 'string', '') as string,
  }
}

/** The parser's own error quotes the text around the mistake. */
function parse(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    throw new SyntaxError('the config of CRI Status is no JSON')
  }
}

function mirrorsOf(value: unknown): ReadonlyMap<string, readonly string[]> {
  if (value === undefined || value === null) return new Map()
  if (typeof value !== 'object') throw new TypeError('registry.mirrors of CRI Status is no object')
  return new Map(
    Object.entries(value).map(([registry, mirror]) => {
      const endpoints = field(mirror, 'endpoint') ?? []
      if (!Array.isArray(endpoints)) throw new TypeError('an endpoint of CRI Status is no list')
      return [registry, endpoints.map((it) => String(it).replace(/^(\w+:\/\/)?[^/@]*@/, '$1'))]
    }),
  )
}

function field(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined
}

function typed(value: unknown, type: 'string' | 'boolean', otherwise: unknown): unknown {
  if (value === undefined || value === null) return otherwise
  if (typeof value !== type) throw new TypeError(`a field of CRI Status is no ${type}`)
  return value
}
