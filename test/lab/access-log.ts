/** One request that the origin or a peer answered. */
export interface AccessEntry {
  /** The machine that was asked: `origin` or a node's name. */
  by: string
  /** The machine that asked; a node's own containerd asks in the name of its node. */
  asker: string
  /** Milliseconds since the epoch: when the request came in. */
  at: number
  /** Until the last byte was handed over, or the connection ended. */
  milliseconds: number
  method: string
  /** Without the query. */
  path: string
  /** null: it went away before there was an answer. */
  status: number | null
  /** Of the body. */
  bytes: number
  /** Where the content came from: of the machine itself, or of another peer. null: there was none. */
  source: 'own' | 'peer' | null
}

/** As a machine writes it, which knows the others by address alone. */
export type RawAccessEntry = Omit<AccessEntry, 'by' | 'asker'> & { address: string }

/** The part of the log that is about content: what was got of it, by digest, and how it was answered. */
export function blobsGot(entries: readonly AccessEntry[]): Map<string, AccessEntry[]> {
  const got = new Map<string, AccessEntry[]>()
  for (const entry of entries) {
    const [, digest] = /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(entry.path) ?? []
    if (digest === undefined || entry.method !== 'GET' || entry.status === null || entry.status >= 300) continue
    got.set(digest, [...(got.get(digest) ?? []), entry])
  }
  return got
}
