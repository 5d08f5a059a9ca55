import { PullpathError } from '../errors.ts'

/** An image reference as CRI normalises it before it asks the resolver. */
export interface ImageReference {
  /** Normalised: `docker.io/library/nginx:latest`. */
  image: string
  /** What stands before the first `/`: containerd's namespace and the name of the hosts directory. */
  registry: string
  /** `library/nginx`. */
  repository: string
  /** null for a reference by digest: the tag beside a digest is dropped. */
  tag: string | null
  digest: string | null
}

const DEFAULT_DOMAIN = 'docker.io'
const COMPONENT = '[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*'
const DOMAIN_LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const HOST = `(?:${DOMAIN_LABEL}(?:\\.${DOMAIN_LABEL})*|\\[[a-fA-F0-9:]+\\])`
const TAG = '\\w[\\w.-]{0,127}'
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9A-Fa-f]{32,}'
const REFERENCE = new RegExp(`^(${HOST}(?::[0-9]+)?)/(${COMPONENT}(?:/${COMPONENT})*)(?::(${TAG}))?(?:@(${DIGEST}))?$`)
const DOTTED = `${DOMAIN_LABEL}(?:\\.${DOMAIN_LABEL})+(?::[0-9]+)?`
const NUMBERED = '\\[[a-fA-F0-9]*:[a-fA-F0-9:]*\\](?::[0-9]+)?'
/**
 * A repository with its registry before it, and neither tag nor digest behind: what this takes, up to
 * MAX_REPOSITORY characters, is read as it stands when `:` and a tag follow. The registry must show that it is one, by
 * a dot or a port: `harbor/app` would be Docker Hub's. Means the same to Go's regexp (RE2), which Helm checks by.
 */
export const REPOSITORY_PATTERN = `^(?:${DOTTED}|${DOMAIN_LABEL}:[0-9]+|localhost|${NUMBERED})/${COMPONENT}(?:/${COMPONENT})*$`
/** Hexadecimal digits of the digests that go-digest knows. */
const DIGEST_LENGTH: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 }
/** Characters of a repository, its registry not counted (distribution: RepositoryNameTotalLengthMax). */
export const MAX_REPOSITORY = 255

/**
 * Reads an image reference as CRI does (distribution's ParseDockerRef, then containerd's reference.Parse).
 * Throws PP_REFERENCE_INVALID with containerd's own reason.
 */
export function parseImageReference(text: string): ImageReference {
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw invalid(text, `invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`)
  }
  const full = withDomain(text)
  const slash = full.indexOf('/')
  const remainder = full.slice(slash + 1)
  const name = remainder.split(':', 1)[0] ?? ''
  if (name.toLowerCase() !== name) {
    throw invalid(text, `invalid reference format: repository name (${name}) must be lowercase`)
  }
  const match = REFERENCE.exec(full)
  if (match === null) throw invalid(text, 'invalid reference format')
  const [, registry = '', repository = '', tag, digest] = match
  if (repository.length > MAX_REPOSITORY) {
    throw invalid(text, `repository name must not be more than ${MAX_REPOSITORY} characters`)
  }
  if (digest !== undefined) {
    checkDigest(text, digest)
    return { image: `${registry}/${repository}@${digest}`, registry, repository, tag: null, digest }
  }
  const named = tag ?? 'latest'
  return { image: `${registry}/${repository}:${named}`, registry, repository, tag: named, digest: null }
}

/** As parseImageReference. null: the text is no reference. */
export function imageReferenceIn(text: string): ImageReference | null {
  try {
    return parseImageReference(text)
  } catch (error) {
    if (error instanceof PullpathError) return null
    throw error
  }
}

/** Whether a normalised name, by tag or by digest, is of a repository: one whose name only begins like it is another. */
export function isNameIn(
  name: string,
  { registry, repository }: Pick<ImageReference, 'registry' | 'repository'>,
): boolean {
  return [':', '@'].some((it) => name.startsWith(`${registry}/${repository}${it}`))
}

/** Docker's short forms: `nginx`, `team/app` and `index.docker.io/…` are Docker Hub's. */
function withDomain(text: string): string {
  const slash = text.indexOf('/')
  const first = slash < 0 ? '' : text.slice(0, slash)
  const isDomain = first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first
  let domain = isDomain ? first : DEFAULT_DOMAIN
  const rest = isDomain ? text.slice(slash + 1) : text
  if (domain === 'index.docker.io') domain = DEFAULT_DOMAIN
  return domain === DEFAULT_DOMAIN && !rest.includes('/') ? `${domain}/library/${rest}` : `${domain}/${rest}`
}

function checkDigest(text: string, digest: string): void {
  const [algorithm = '', encoded = ''] = digest.split(':')
  const length = DIGEST_LENGTH[algorithm]
  if (length === undefined) throw invalid(text, 'unsupported digest algorithm')
  if (encoded.length !== length) throw invalid(text, 'invalid checksum digest length')
  if (!/^[a-f0-9]+$/.test(encoded)) throw invalid(text, 'invalid checksum digest format')
}

function invalid(text: string, reason: string): PullpathError {
  return new PullpathError(
    'PP_REFERENCE_INVALID',
    `failed to parse image reference ${JSON.stringify(text)}: ${reason}`,
    {
      advice: 'write it as in a pod: 192.168.1.106/library/app:v1, docker.io/library/nginx@sha256:…, or nginx',
    },
  )
}
