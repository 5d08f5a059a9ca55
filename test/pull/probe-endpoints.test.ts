import t from 'tap'
import { rememberedPath } from '../../src/drift/remembered-paths.ts'
import { directoryNode, fileNode } from '../../src/hosts/tree.ts'
import { probeEndpoints } from '../../src/pull/probe-endpoints.ts'
import { daemonFacts, intentOf, mirror, observing, talosIntent } from '../fixtures/intents.ts'

const REGISTRY = '192.168.1.106'

const BROUGHT = {
  credentials: () => null,
  access: () => ({ headers: {}, tls: { ca: [], client: null, verify: true }, unread: [] }),
}

/** `http://192.168.1.106` or, in brackets, what is asked aside. */
function asked(hostsToml: string | null): string[] {
  const files = hostsToml === null ? [] : [[REGISTRY, directoryNode([['hosts.toml', fileNode(hostsToml)]])] as const]
  const intent = intentOf(talosIntent([mirror(REGISTRY, [`http://${REGISTRY}`])]), null)
  const { endpoints } = rememberedPath(
    REGISTRY,
    daemonFacts(),
    observing(directoryNode(files)).view,
    intent,
    '192.168.1.98',
  )
  return probeEndpoints(endpoints, REGISTRY, BROUGHT).map(({ client, isAside }) => {
    const { origin } = new URL(client.endpoint)
    return isAside ? `(${origin})` : origin
  })
}

t.test(
  'the default upstream counts where it is all that there is, and is asked aside behind what was declared',
  async (t) => {
    t.same(asked(null), [`https://${REGISTRY}`])
    t.same(asked(`[host.'http://${REGISTRY}']\n`), [`http://${REGISTRY}`, `(https://${REGISTRY})`])
    t.same(asked(`server = 'http://${REGISTRY}'\n`), [`http://${REGISTRY}`])
  },
)
