import type { CriClient, NamespaceClient } from '../containerd/client/daemon-client.ts'
import type { ResolveProof } from '../drift/resolve-proof.ts'
import { type ErrorCode, PullpathError } from '../errors.ts'
import { type Manifest, parseManifest } from '../registry/manifest.ts'
import type { RegistryClient } from '../registry/registry-client.ts'
import { removeAgain } from './node-images.ts'
import type { ProofTarget } from './proof-target.ts'
import { ABORTED } from './pull-failure.ts'
import { underLease } from './pull-lease.ts'

/** Whom a proof asks. */
export interface ProofParties {
  cri: CriClient
  /** CRI's own: `k8s.io`. */
  store: NamespaceClient
  origin: RegistryClient
  now: () => Date
  /** Breaks the proof off. */
  signal?: AbortSignal
}

/**
 * How long containerd may take, in milliseconds. One endpoint that swallows packets costs it 30 s (net.Dialer in
 * hosts.go); a pull of a few KB that is not done by then is still waiting for such a one.
 */
export const PROOF_DEADLINE = 45_000

/**
 * Lets containerd pull an image of a few KB that is at the origin and that no node keeps, and removes it again. A
 * reference that does not exist would prove nothing: 2.x reports the 404 of a peer even where the origin can no longer
 * be reached. Never rejects: what could not be asked is a part of the answer.
 */
export async function proveResolve(
  { reference, tags, origin }: ProofTarget,
  parties: ProofParties,
  deadline: number = PROOF_DEADLINE,
): Promise<ResolveProof> {
  const { registry, image } = reference
  const asked = { registry, reference: image, tags, at: parties.now().toISOString() }
  const nothing = { words: '', unfinished: false, duration: null, layersKept: null }
  const served = await askOrigin(reference, parties, deadline)
  const atOrigin = { url: origin.url, words: served.words }
  if (served.isAbsent) return { ...asked, ...nothing, outcome: 'no-canary', origin: atOrigin }
  if (parties.signal?.aborted === true) {
    return { ...asked, ...nothing, words: ABORTED.message, outcome: 'unasked', origin: atOrigin }
  }
  const pull = await pullOnce(image, parties, deadline)
  const layersKept = pull.outcome === 'pulled' ? await areLayersKept(served, parties.store) : null
  // Also of one that failed: where it broke off at its end it may have left its name.
  await removeAgain(parties, reference)
  if (pull.outcome === 'pulled') {
    return { ...asked, ...pull, outcome: 'resolved', origin: atOrigin, layersKept }
  }
  const failed = served.words === '' ? 'failed' : 'origin-down'
  return {
    ...asked,
    ...pull,
    outcome: pull.outcome === 'failed' ? failed : 'unasked',
    origin: atOrigin,
    layersKept: null,
  }
}

interface AtOrigin {
  /** Empty: it is there. */
  words: string
  /** Whether the origin answers that it has no such image. */
  isAbsent: boolean
  digest: string
  manifest: Manifest | null
}

async function askOrigin(
  { repository, tag }: ProofTarget['reference'],
  { origin, signal }: ProofParties,
  deadline: number,
): Promise<AtOrigin> {
  try {
    const call = { limits: { total: deadline }, ...(signal && { signal }) }
    const { bytes, mediaType, digest } = await origin.getManifest(repository, tag ?? '', call)
    const manifest = parseManifest(bytes, mediaType)
    return { words: '', isAbsent: false, digest, manifest: typeof manifest === 'string' ? null : manifest }
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
    return { words: error.message, isAbsent: error.code === 'PP_REGISTRY_NOT_FOUND', digest: '', manifest: null }
  }
}

interface Pulled {
  outcome: 'pulled' | 'failed' | 'unasked'
  words: string
  unfinished: boolean
  duration: number
}

/** Errors that say something about the pull; the others are about the daemon. */
const OF_THE_PULL: readonly ErrorCode[] = ['PP_DAEMON_REFUSED', 'PP_DAEMON_UNFINISHED']

async function pullOnce(image: string, { cri, store, signal }: ProofParties, deadline: number): Promise<Pulled> {
  let start = performance.now()
  let end: number | null = null
  const seconds = () => ((end ?? performance.now()) - start) / 1000
  try {
    const pull = async (lease: string) => {
      start = performance.now()
      await cri.pullImage(image, deadline, { lease, ...(signal && { signal }) }).finally(() => {
        end = performance.now()
      })
    }
    await underLease(store, deadline, pull, signal)
    return { outcome: 'pulled', words: '', unfinished: false, duration: seconds() }
  } catch (error) {
    if (!(error instanceof PullpathError)) throw error
    if (signal?.aborted === true) {
      return { outcome: 'unasked', words: ABORTED.message, unfinished: false, duration: seconds() }
    }
    const words = 'words' in error ? String(error.words) : error.message
    const isOfThePull = OF_THE_PULL.includes(error.code)
    return {
      outcome: isOfThePull ? 'failed' : 'unasked',
      words,
      unfinished: error.code === 'PP_DAEMON_UNFINISHED',
      duration: seconds(),
    }
  }
}

/** What keeps a blob from being collected: the manifest's label for it (core/images: ChildGCLabels). */
const REFERS = 'containerd.io/gc.ref.content.'

/**
 * Whether the manifest refers to its layers in the store: with discard_unpacked_layers it does not, and they are gone at
 * the next collection of garbage, which may be a while. null: nothing is known of its layers.
 */
async function areLayersKept({ digest, manifest }: AtOrigin, store: NamespaceClient): Promise<boolean | null> {
  if (manifest?.kind !== 'image' || manifest.layers.length === 0) return null
  try {
    const labels = (await store.content(digest))?.labels
    if (labels === undefined) return null
    const kept = [...labels].flatMap(([name, value]) => (name.startsWith(REFERS) ? [value] : []))
    return manifest.layers.every((layer) => kept.includes(layer.digest))
  } catch {
    return null // the daemon went away: nothing is known
  }
}
