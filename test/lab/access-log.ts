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

/** Digests of the blobs that `by` gave `asker` whole, out of its own store; sorted. */
export function blobsGiven(entries: readonly AccessEntry[], by: string, asker: string): string[] {
  const given = entries.filter((it) => it.by === by && it.asker === asker && it.source === 'own' && it.status === 200)
  return given
    .filter(({ method }) => method === 'GET')
    .flatMap(({ path }) => /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(path)?.[1] ?? [])
    .sort()
}
