import { behaviourOf } from '../../src/containerd/behaviour.ts'
import type { DaemonConfigReading } from '../../src/containerd/daemon-config.ts'
import type { Endpoint, PullPath } from '../../src/containerd/pull-path.ts'
import { pullPathOf } from '../../src/containerd/pull-path-of.ts'
import { parseImageReference } from '../../src/containerd/reference.ts'
import type { Answer, Challenge, SentRequest } from '../../src/containerd/requester.ts'
import { ERROR_BODY, simulate } from '../../src/containerd/simulate.ts'
import { type FileView, viewOf } from '../../src/hosts/file-view.ts'
import { directoryNode, type TreeNode } from '../../src/hosts/tree.ts'
import type { Version } from '../../src/version.ts'
import { hostsTree } from './hosts-files.ts'
import { digestOf, type TestImage } from './image.ts'
import type { KeyPairs } from './key-pairs.ts'
import { type AskedOf, askedOf, type PlannedAnswer, PlannedAnswers, type PlannedChallenge } from './plan.ts'
import { lineOf, type PullCase, referenceOf, type Seen } from './pull-case.ts'
import { DEFAULT_DIRECTORIES, keyOf, type Listener, listenerOf } from './site.ts'

/** What the prediction knows of the daemon. */
export interface PredictedDaemon {
  version: Version
  reading: DaemonConfigReading
  roots: string
}

/** The roots that 2.2 and later look into by default: the network hides them from its daemons. */
const NOT_THERE: readonly (readonly [string, TreeNode])[] = DEFAULT_DIRECTORIES.map((it) => [it, directoryNode([])])

/** What Pullpath reads in a case. */
export interface PathOfCase {
  path: PullPath
  view: FileView
  /** Of the hosts.toml that was read; empty where there is none. */
  text: string
}

/** null where the daemon refuses its configuration. */
export function pathOfCase(
  pull: PullCase,
  image: TestImage,
  { version, reading, roots }: PredictedDaemon,
  keyPairs: KeyPairs,
): PathOfCase | null {
  if (!reading.ok) return null
  const { pullMode, configPath, legacyMirrors } = reading.config
  const { registry } = parseImageReference(referenceOf(pull, image))
  const view = viewOf(new Map([...NOT_THERE, [roots, hostsTree(roots, pull.files, keyPairs)]]))
  const path = pullPathOf(registry, { version, pullMode, configPath: configPath.value, legacyMirrors }, view)
  const file = path.file === null ? undefined : view.lookup(path.file)
  return { path, view, text: file?.kind === 'file' ? (file.text ?? '') : '' }
}

/** What Pullpath says that a daemon does in a case. */
export function predict(pull: PullCase, image: TestImage, daemon: PredictedDaemon, keyPairs: KeyPairs): Seen {
  const read = pathOfCase(pull, image, daemon, keyPairs)
  if (read === null) return { requests: [], outcome: 'refused' }
  const { path, view } = read
  const reference = parseImageReference(referenceOf(pull, image))
  const planned = new PlannedAnswers(pull.plan)
  const trusts = ({ ca }: Endpoint) =>
    ca.some((it) => {
      const file = view.lookup(it)
      return file?.kind === 'file' && file.text?.includes(keyPairs.own) === true
    })
  // 2.1: the authorizer has them too.
  const sendsToRealms = behaviourOf(daemon.version).headerSeparatesAuthorizer
  const requests: string[] = []
  const answers = (request: SentRequest): Answer => {
    const [, scheme = '', host = ''] = /^([a-z]+):\/\/([^/?]*)/.exec(request.url) ?? []
    const listener = listenerOf(scheme, host)
    if (listener === null) return { kind: 'failure', failure: 'refused' }
    const endpoint = path.endpoints[request.endpoint]
    const tls = scheme === 'https' ? tlsFailure(listener, endpoint, trusts) : null
    if (tls !== null) {
      requests.push(`TLS ${keyOf(listener)}`)
      return tls
    }
    const certified = scheme === 'https' && endpoint?.client === true
    const url = request.url.replace(ERROR_BODY, digestOf(''))
    const headers = request.kind === 'token' && !sendsToRealms ? [] : ownHeaders(endpoint)
    requests.push(lineOf({ ...request, url, certified, headers }, image))
    if (scheme === 'http' && listener.kind !== 'plain') return { kind: 'status', status: 400 }
    const asked = askedOf(listener, request.method, url.replace(/^[a-z]+:\/\/[^/]*/, ''))
    return answerOf(planned.next(asked), asked, request, image)
  }
  const { version } = daemon
  const { outcome } = simulate(path, reference, image, answers, { version, credentials: pull.credentials })
  return { requests, outcome: outcomeClass(path) }

  function outcomeClass({ error }: PullPath): Seen['outcome'] {
    if (outcome.kind !== 'error') return outcome.kind
    if (error?.code === 'HOST_PANIC') return 'crashed'
    // CRI answers "not found" for these too: no hosts to ask, or content of an unexpected media type.
    const hasNoHosts = error?.code === 'NO_RESOLVE_HOSTS' || error?.code === 'NO_PULL_HOSTS'
    const isNotFound = outcome.cause === 'unknown-content' || (outcome.cause === 'path' && hasNoHosts)
    return isNotFound ? 'not-found' : 'failed'
  }
}

/** Those that Go's client would not send by itself. */
function ownHeaders(endpoint: Endpoint | undefined): string[] {
  const names = (endpoint?.headerNames ?? []).map((it) => it.toLowerCase()).filter((it) => it.startsWith('x-'))
  return [...new Set(names)].sort()
}

/** Why a handshake comes to nothing; null where it succeeds. */
function tlsFailure(
  { kind }: Listener,
  endpoint: Endpoint | undefined,
  trustsOwn: (endpoint: Endpoint) => boolean,
): Answer | null {
  if (kind === 'plain') return { kind: 'tls', failure: 'plain-http' }
  if (kind === 'tls-known' || endpoint?.skipVerify === true) return null
  return endpoint !== undefined && trustsOwn(endpoint) ? null : { kind: 'tls', failure: 'refused' }
}

function answerOf(planned: PlannedAnswer, asked: AskedOf, request: SentRequest, image: TestImage): Answer {
  switch (planned.kind) {
    case 'reset':
    case 'closed':
      return { kind: 'failure', failure: planned.kind }
    case 'silent':
      return { kind: 'failure', failure: 'timeout' }
    case 'half':
    case 'spoilt':
      return served(asked, image)
    case 'status':
      return { kind: 'status', status: planned.status }
    case 'redirect': {
      const [, rest = ''] = /^[a-z]+:\/\/[^/]*(.*)$/s.exec(request.url) ?? []
      return { kind: 'status', status: planned.status, location: `${planned.to}${rest}` }
    }
    case 'refused':
      return { kind: 'status', status: 401, ...challengeOf(planned.challenge) }
    case 'guarded':
      if (!request.authorized) return { kind: 'status', status: 401, ...challengeOf(planned.challenge) }
      return served(asked, image)
    case 'served':
      return {
        ...served(asked, image),
        ...(planned.digest === false ? { digest: null } : {}),
        ...(planned.length === false ? { lengthKnown: false } : {}),
      }
  }
}

function served({ kind, object }: AskedOf, image: TestImage): Answer & { kind: 'status' } {
  if (kind === 'token') return { kind: 'status', status: 200 }
  const isThere = !object.includes(':') || image.contents[object] !== undefined
  return { kind: 'status', status: isThere ? 200 : 404 }
}

function challengeOf(challenge: PlannedChallenge | null): { challenge?: Challenge } {
  return challenge === null || challenge.scheme === 'unheard-of' ? {} : { challenge }
}
