/** What a registry asks for with its 401 (RFC 9110, 11.6.1; the distribution specification's token authentication). */
export type Challenge =
  | BearerChallenge
  | { scheme: 'basic' }
  /** Another scheme, by its name in lower case. */
  | { scheme: 'unknown'; name: string }

export interface BearerChallenge {
  scheme: 'bearer'
  realm: string
  service: string | null
  scope: string | null
}

/** Reads `WWW-Authenticate`; of several challenges Bearer, else Basic. null: it holds none. */
export function parseChallenge(header: string | undefined): Challenge | null {
  const challenges = split(header ?? '')
  const bearer = challenges.find((it) => it.scheme === 'bearer')
  if (bearer !== undefined) {
    const { realm = '', service = null, scope = null } = Object.fromEntries(bearer.parameters)
    return { scheme: 'bearer', realm, service, scope }
  }
  const [first] = challenges
  if (challenges.some((it) => it.scheme === 'basic')) return { scheme: 'basic' }
  return first === undefined ? null : { scheme: 'unknown', name: first.scheme }
}

const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+"
/** A parameter, with or without quotes; or a word that is none, which is the name of a scheme. */
const ITEM = new RegExp(`(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))|(${TOKEN})`, 'g')

function split(header: string): { scheme: string; parameters: Map<string, string> }[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = []
  for (const [, name, quoted, plain, scheme] of header.matchAll(ITEM)) {
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() })
    else challenges.at(-1)?.parameters.set((name ?? '').toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain ?? '')
  }
  return challenges
}

/** A challenge as it may be shown: its realm without user and query. */
export function shownChallenge(challenge: Challenge): Challenge {
  if (challenge.scheme !== 'bearer') return challenge
  const realm = URL.parse(challenge.realm)
  return realm === null ? challenge : { ...challenge, realm: `${realm.protocol}//${realm.host}${realm.pathname}` }
}
