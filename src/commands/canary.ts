import { performance } from 'node:perf_hooks'
import { PullpathError } from '../errors.ts'
import { formatByteSize, parseByteSize } from '../format/byte-size.ts'
import { type CanaryClass, canaryTag, PROOF_SIZE } from '../pull/canary-names.ts'
import { type CanaryOrder, CanaryPush } from '../pull/canary-push.ts'
import { progressBar } from '../render/progress-bar.ts'
import { repositoryUrl } from '../render/repository-url.ts'
import type { Arguments, Command, CommandContext } from './command.ts'
import { type FoundCredentials, findCredentials } from './find-credentials.ts'
import { usage } from './parse-arguments.ts'
import { withProgress } from './progress.ts'
import { pushTargetOf } from './push-target.ts'
import { CONFIG_OPTION, settingsOf } from './settings.ts'

const KIB = 1024
/** A smaller layer would be header and padding to more than a hundredth. */
const LEAST_LAYER = 256 * KIB
const MOST_SIZE = 4 * KIB ** 3
/** Overlay takes some more, and an image of more layers is no usual one. */
const MOST_LAYERS = 64
/** What `canary.tags` may be. */
const MOST_TAGS = 1000

const DEFAULT_SIZE = '16MiB'

export const canary: Command = {
  name: 'canary',
  summary: 'makes the images whose pulls are measured, and pushes them to a registry',
  positionals: ['push', 'REF'],
  options: {
    size: { value: 'SIZE', summary: `of an image, 256KiB to 4GiB (default: ${DEFAULT_SIZE})` },
    layers: { value: 'N', summary: 'of an image, 1 to 64, each at least 256KiB (default: 1)' },
    tags: { value: 'N', summary: 'of each kind, 1 to 1000 (default: canary.tags of the configuration, which is 8)' },
    'plain-http': { summary: 'the registry speaks http, not https' },
    ...CONFIG_OPTION,
  },
  description: `REF is a repository without a tag, canary.image of the agent's configuration: [http[s]://]HOST/REPOSITORY.
Without a scheme it is pushed to where the configuration's intent says that the registry is; else over https.

Every tag is an image of its own, of random-looking bytes that no compression makes smaller, for linux/amd64; nodes
of other architectures pull it too. With N tags the registry keeps about 2 x N x SIZE:
  tag-0 to tag-(N-1)      for the pulls that are measured
  home-0 to home-(N-1)    of the same size, for measuring pulls from peers
  proof-0 to proof-(N-1)  of a few KB, for the proof that containerd can pull
The same arguments make the same images again, and what is there already is not sent again.

Credentials: PULLPATH_USERNAME and PULLPATH_PASSWORD; else registryAuth.dockerConfigFile of the configuration; else
$DOCKER_CONFIG/config.json or ~/.docker/config.json (auths alone: credential helpers are not asked). The certificate
of an authority that Node does not know: NODE_EXTRA_CA_CERTS=FILE.

exit codes:
  0  everything is there
  1  the registry could not be pushed to, or the push was interrupted; run it again to go on
  2  wrong usage, or something could not be read

example:
  pullpath canary push http://192.168.1.106/library/pullpath-canary`,

  async run(context, given) {
    const [action = '', ref = ''] = given.positionals
    if (action !== 'push') throw usage(canary, `unknown action ${JSON.stringify(action)}: it can push`)
    const { config } = settingsOf(canary, given, context, { intent: false, nodeIp: false })
    const shape = shapeOf(given, config.canary.tags)
    const plainHttp = given.has('plain-http')
    const { endpoint, repository, isAssumed } = await pushTargetOf(canary, ref, context, { config, plainHttp })
    const { host } = new URL(endpoint.url)
    const found = findCredentials(host, context.environment, config.registryAuth.dockerConfigFile)
    // Loaded here, so that the other commands need not wait for a client that they never open.
    const { openRegistryClient } = await import('../registry/http-registry-client.ts')
    const client = openRegistryClient({ ...endpoint, credentials: found.credentials })
    const order = { repository, ...shape }
    const title = repositoryUrl(endpoint.url, repository)
    const push = new CanaryPush(client, order, context.signal)
    try {
      await withProgress(context, progressOf(push, context.width), push.run())
    } catch (error) {
      context.write(summaryOf(push, order, title))
      return unfinished(error, found, isAssumed, context)
    }
    context.write(summaryOf(push, order, title))
    return 0
  },
}

function shapeOf(given: Arguments, tags: number): Omit<CanaryOrder, 'repository'> {
  const sizeText = given.text('size') ?? DEFAULT_SIZE
  const size = parseByteSize(sizeText)
  if (size === null || size < LEAST_LAYER || size > MOST_SIZE) {
    throw usage(canary, `--size: ${JSON.stringify(sizeText)} is not 256KiB to 4GiB, such as ${DEFAULT_SIZE}`)
  }
  const layers = countOf(given, 'layers', 1, MOST_LAYERS)
  if (size / layers < LEAST_LAYER) {
    throw usage(canary, `--layers: ${layers} layers of ${sizeText} are smaller than 256KiB each`)
  }
  return { size, layers, tags: countOf(given, 'tags', tags, MOST_TAGS) }
}

function countOf(given: Arguments, name: 'layers' | 'tags', otherwise: number, most: number): number {
  const text = given.text(name)
  if (text === null) return otherwise
  const count = Number(text)
  if (/^\d+$/.test(text) && count >= 1 && count <= most) return count
  throw usage(canary, `--${name}: ${JSON.stringify(text)} is not 1 to ${most}`)
}

/** Tells how far it is; each time it is asked, the rate since it was asked last. */
function progressOf(push: CanaryPush, width: number): () => string {
  let last = { sent: 0, time: performance.now() }
  return () => {
    const now = { sent: push.sent, time: performance.now() }
    const rate = ((now.sent - last.sent) * 1000) / Math.max(now.time - last.time, 1)
    last = now
    const there = Object.values(push.counts).reduce((sum, it) => sum + it.found, 0)
    const note = there === 0 ? '' : `${there} there already`
    // Room for the seconds that follow.
    return progressBar({ label: push.tag, done: push.done, total: push.total, rate, note }, width - 10)
  }
}

/** What came of it: a line for each class of tags. */
function summaryOf({ counts }: CanaryPush, { size, tags }: CanaryOrder, title: string): string {
  const line = (name: CanaryClass, each: number) => {
    const { pushed, found } = counts[name]
    const first = canaryTag(name, 0)
    const names = tags === 1 ? first : `${first} to ${canaryTag(name, tags - 1)}`
    const missing = tags - pushed - found
    const rest = missing === 0 ? '' : `, ${missing} missing`
    return `  ${names}, ${formatByteSize(each)} each: ${pushed} pushed, ${found} there already${rest}\n`
  }
  return `${title}\n${line('tag', size)}${line('home', size)}${line('proof', PROOF_SIZE)}`
}

/** Says why; an error that is not the registry's is thrown on. */
function unfinished(
  error: unknown,
  { source, credentials }: FoundCredentials,
  isAssumed: boolean,
  context: CommandContext,
): number {
  if (context.signal.aborted) {
    context.writeError('pullpath: interrupted (run it again to go on)\n')
    return 1
  }
  if (!(error instanceof PullpathError)) throw error
  context.writeError(`pullpath: ${error.toLine()}\n`)
  if (isAssumed && ['PP_REGISTRY_TLS', 'PP_REGISTRY_UNREACHABLE'].includes(error.code)) {
    context.writeError('pullpath: https was assumed; where the registry speaks plain http, begin REF with http://\n')
  }
  if (error.code === 'PP_REGISTRY_NOT_FOUND') {
    context.writeError(
      'pullpath: nothing takes pushes there; a project of Harbor must be there before it is pushed to\n',
    )
  }
  if (error.code === 'PP_REGISTRY_AUTH') {
    const advice =
      credentials === null
        ? 'set PULLPATH_USERNAME and PULLPATH_PASSWORD, or docker login'
        : 'look at the name and the password, and whether they may push there'
    context.writeError(`pullpath: credentials: ${source}; ${advice}\n`)
  }
  return 1
}
