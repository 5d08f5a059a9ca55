import type { Version } from '../version.ts'
import { type Behaviour, behaviourOf } from './behaviour.ts'
import type { Capability, PullPath } from './pull-path.ts'
import { askedToResolve } from './pull-path-of.ts'
import type { ImageReference } from './reference.ts'
import { type Answer, type Answers, type Image, Requester, type Result, type SentRequest } from './requester.ts'

/** How a pull ends. */
export type Outcome =
  | { kind: 'pulled' }
  | { kind: 'not-found' }
  /**
   * `path`: containerd fails before it asks anyone. `unknown-content`: what was served is no image, which CRI calls not
   * found. `wrong-size`: it is not as long as what was resolved, or that has no length at all.
   */
  | {
      kind: 'error'
      cause: 'path' | 'connection' | 'authorization' | 'status' | 'unknown-content' | 'wrong-size'
      status?: number
    }

export interface Simulation {
  requests: readonly SentRequest[]
  outcome: Outcome
}

/**
 * The requests that containerd sends for one image, in order, and how the pull ends, given how each endpoint answers.
 *
 * `answers` is asked once for every request and must not depend on anything else. Layers are asked for one after the
 * other here; containerd asks for several at once, each of them in this order. Content that the node already has,
 * bodies that break off and digests that do not match are not simulated.
 * (containerd: core/remotes/docker resolver.go Resolve, fetcher.go Fetch, authorizer.go.)
 */
export function simulate(
  path: PullPath,
  reference: ImageReference,
  image: Image,
  answers: Answers,
  options: { version: Version; credentials?: boolean },
): Simulation {
  const requests: SentRequest[] = []
  if (isFatal(path, reference)) return { requests, outcome: { kind: 'error', cause: 'path' } }
  const behaviour = behaviourOf(options.version)
  const step = {
    path,
    reference,
    imageDigest: image.manifests[0] ?? '',
    behaviour,
    answers,
    requests,
    credentials: options.credentials ?? false,
  }
  const client = (phase: SentRequest['phase']): Requester => new Requester({ ...step, phase })
  // Resolve and fetch each build their hosts anew: neither tokens nor the fallback to http carry over.
  const places = placesOf(path)
  const resolved = resolve(client('resolve'), places, reference, image, behaviour)
  if (resolved.kind !== 'resolved') return { requests, outcome: resolved }
  const fetcher = client('fetch')
  if (!resolved.isManifest) {
    const outcome = fetchContent(fetcher, places, 'blobs', resolved.digest)
    const cause = resolved.sizeOfError ? 'wrong-size' : 'unknown-content'
    return { requests, outcome: outcome ?? { kind: 'error', cause } }
  }
  const contents: [Kind, string][] = image.manifests.map((it) => ['manifests', it])
  contents.push(['blobs', image.config])
  for (const layer of image.layers) contents.push(['blobs', layer])
  for (const [kind, digest] of contents) {
    const outcome = fetchContent(fetcher, places, kind, digest)
    if (outcome !== null) return { requests, outcome }
  }
  return { requests, outcome: { kind: 'pulled' } }
}

/** The requests of the fetch step alone, for one manifest that no endpoint has. */
export function simulateMissingManifest(
  path: PullPath,
  reference: ImageReference,
  digest: string,
  version: Version,
): readonly SentRequest[] {
  const requests: SentRequest[] = []
  if (isFatal(path, reference)) return requests
  const answers = (): Answer => ({ kind: 'status', status: 404 })
  const behaviour = behaviourOf(version)
  const client = new Requester({
    phase: 'fetch',
    path,
    reference,
    imageDigest: digest,
    behaviour,
    answers,
    requests,
    credentials: false,
  })
  fetchContent(client, placesOf(path), 'manifests', digest)
  return requests
}

type Kind = 'manifests' | 'blobs'
interface Resolved {
  kind: 'resolved'
  digest: string
  isManifest: boolean
  /** Whether its size is that of an error's text. */
  sizeOfError: boolean
}

/** A path without `resolve` hosts still serves references by digest. */
function isFatal(path: PullPath, reference: ImageReference): boolean {
  return path.error !== null && !(path.error.code === 'NO_RESOLVE_HOSTS' && reference.digest !== null)
}

/** One place in the order of endpoints; `index`: position in the path's endpoints, null where nothing can be sent. */
interface Place {
  index: number | null
  capabilities: readonly Capability[]
}

function placesOf({ endpoints, skipped }: PullPath): Place[] {
  const skippedBefore = (index: number): Place[] =>
    skipped.flatMap(({ before, capabilities }) => (before === index ? [{ index: null, capabilities }] : []))
  const places = endpoints.flatMap(({ capabilities }, index) => [...skippedBefore(index), { index, capabilities }])
  return [...places, ...skippedBefore(endpoints.length)]
}

/** resolver.go, Resolve. */
function resolve(
  client: Requester,
  all: readonly Place[],
  reference: ImageReference,
  image: Image,
  behaviour: Behaviour,
): Resolved | Outcome {
  const byDigest = reference.digest !== null
  const asked = all.filter((it) => askedToResolve(it, byDigest))
  const object = reference.digest ?? reference.tag ?? ''
  const errors = new ResolveErrors(behaviour)
  for (const kind of byDigest ? (['manifests', 'blobs'] as const) : (['manifests'] as const)) {
    if (kind === 'blobs' && behaviour.blobsOnlyAfterNotFound && errors.sawStatus) break
    for (const [position, { index }] of asked.entries()) {
      const last = position === asked.length - 1
      if (index === null) {
        errors.add({ kind: 'error', cause: 'connection' }, 1)
        continue
      }
      const result = client.send({ index, method: 'HEAD', kind, object, last })
      if (result.kind !== 'answered') {
        errors.add({ kind: 'error', cause: result.kind }, 1)
        continue
      }
      const { status } = result
      if (status > 399) {
        if (status === 403 && result.method === 'HEAD' && behaviour.asksForbiddenAgain) {
          client.send({ index, method: 'GET', kind, object, last: false })
        }
        errors.add(
          status === 404 ? { kind: 'not-found' } : { kind: 'error', cause: 'status', status },
          status === 404 ? 2 : 3,
        )
        continue
      }
      // Neither followed nor passed over: the pull ends here.
      if (status > 299) return { kind: 'error', cause: 'status', status }
      const digest = reference.digest ?? result.digest ?? image.manifests[0] ?? ''
      if ((byDigest || result.digest !== null) && result.lengthKnown) {
        return { kind: 'resolved', digest, isManifest: kind === 'manifests', sizeOfError: false }
      }
      const replaced = client.send({ index, method: 'GET', kind, object, last: true })
      if (replaced.kind !== 'answered') return { kind: 'error', cause: replaced.kind }
      if (replaced.status < 300)
        return { kind: 'resolved', digest, isManifest: kind === 'manifests', sizeOfError: false }
      if (behaviour.checksReplacementGet && replaced.status > 399) {
        return { kind: 'error', cause: 'status', status: replaced.status }
      }
      // It has no body: nothing is asked for that has a size of zero (remotes/handlers.go, fetch).
      if (replaced.status === 304) return { kind: 'error', cause: 'wrong-size' }
      // Before 2.3 the error's own text is taken for the manifest: its digest is then asked for as a blob.
      return { kind: 'resolved', digest: byDigest ? digest : ERROR_BODY, isManifest: false, sizeOfError: byDigest }
    }
  }
  return errors.outcome()
}

/** Stands for the digest of an error's text, which cannot be told beforehand. */
export const ERROR_BODY = '<digest of the error>'

/** fetcher.go, Fetch: every endpoint, whatever its capabilities; the first success ends it. null: fetched. */
function fetchContent(client: Requester, places: readonly Place[], kind: Kind, object: string): Outcome | null {
  let first: Outcome | null = null
  for (const [position, { index }] of places.entries()) {
    const last = position === places.length - 1
    const result: Result =
      index === null ? { kind: 'connection' } : client.send({ index, method: 'GET', kind, object, last })
    if (result.kind === 'answered' && result.status < 300) return null
    first ??=
      result.kind !== 'answered'
        ? { kind: 'error', cause: result.kind }
        : result.status === 404
          ? { kind: 'not-found' }
          : { kind: 'error', cause: 'status', status: result.status }
  }
  return first ?? { kind: 'not-found' }
}

/** Which of several errors a failed resolve reports. */
class ResolveErrors {
  #kept: Outcome | null = null
  #priority = 0
  readonly #mostRelevant: boolean

  constructor(behaviour: Behaviour) {
    this.#mostRelevant = behaviour.reportsMostRelevantError
  }

  get sawStatus(): boolean {
    return this.#priority > 2
  }

  /** Priorities (2.0: resolver.go): 1 no answer, 2 not found, 3 another status. 1.x keeps the first that is no 404. */
  add(outcome: Outcome, priority: 1 | 2 | 3): void {
    const keeps = this.#mostRelevant ? this.#priority < priority : this.#kept === null && priority !== 2
    if (!keeps) return
    this.#kept = outcome
    this.#priority = priority
  }

  outcome(): Outcome {
    return this.#kept ?? { kind: 'not-found' }
  }
}
