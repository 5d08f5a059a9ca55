import t from 'tap'
import type { ResolveProof } from '../../src/drift/resolve-proof.ts'
import { proofLines } from '../../src/render/proof-lines.ts'

const AT = '2026-01-01T00:00:00.000Z'

function proof(facts: Partial<ResolveProof>): ResolveProof {
  return {
    registry: '192.168.1.106',
    reference: '192.168.1.106/library/pullpath-canary:proof-3',
    tags: 12,
    at: AT,
    outcome: 'no-canary',
    words: '',
    unfinished: false,
    duration: null,
    origin: { url: 'http://192.168.1.106/v2', words: 'it is not there' },
    layersKept: null,
    ...facts,
  }
}

t.test(
  'where there is no canary, the line ends in the command that pushes all of its tags to where it was missed',
  async (t) => {
    const table: [registry: string, reference: string, endpoint: string, pushed: string][] = [
      [
        '192.168.1.106',
        'library/pullpath-canary',
        'http://192.168.1.106/v2',
        'http://192.168.1.106/library/pullpath-canary',
      ],
      ['registry.test:5000', 'canary', 'https://registry.test:5000/v2', 'https://registry.test:5000/canary'],
      ['docker.io', 'team/canary', 'http://192.168.1.106/v2/hub', 'http://192.168.1.106/hub/team/canary'],
      ['v2.test', 'v2/canary', 'https://v2.test/v2', 'https://v2.test/v2/canary'],
    ]
    for (const [registry, repository, url, pushed] of table) {
      const reference = `${registry}/${repository}:proof-3`
      const [line] = proofLines({
        proofs: [proof({ registry, reference, origin: { url, words: 'it is not there' } })],
        witnesses: [],
      })
      const nothing = `nothing can be proven for ${registry}: it is not there.`
      t.equal(
        line,
        `${nothing} The tag belongs to the canary (canary.image, canary.tags), which this pushes: pullpath canary push ${pushed} --tags 12 (${AT})`,
      )
    }
  },
)
