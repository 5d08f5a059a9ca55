/** What containerd's words for a failed pull mean (containerd 1.7 to 2.3, core/remotes/docker and net/http). */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [
    /server gave HTTP response to HTTPS client/,
    'it asked over https what speaks plain http: no endpoint with http is in force for this registry',
  ],
  [/x509: |tls: |certificate/, 'the certificate of an endpoint is not trusted, or its TLS cannot be spoken'],
  [/no such host/, 'the name of an endpoint cannot be resolved on this node'],
  [/connection refused/, 'nothing listens at the last endpoint that it asked'],
  [/i\/o timeout|no route to host|network is unreachable/, 'no connection comes about to an endpoint'],
  [
    /context canceled|context deadline exceeded/,
    'it gave up because nothing moved: an endpoint takes requests and does not answer',
  ],
  [/401|unauthorized|authorization failed|no basic auth credentials|denied/i, 'an endpoint wants credentials'],
  [/403|forbidden/i, 'an endpoint forbids the pull'],
  [/50\d|Internal Server Error/, 'an endpoint answers with an error of its own'],
  [/no space left on device/, "the disk of containerd's store is full"],
  [
    /not found/,
    'no endpoint that answered has it. On 2.x this also hides an endpoint that cannot be reached behind the 404 of a peer',
  ],
]

/** A sentence for a person about why a pull failed; the first meaning that fits. Empty where none does. */
export function meaningOfPullFailure(words: string): string {
  return MEANINGS.find(([pattern]) => pattern.test(words))?.[1] ?? ''
}
