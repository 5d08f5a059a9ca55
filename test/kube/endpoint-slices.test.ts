import fc from 'fast-check'
import t from 'tap'
import { podsIn } from '../../src/kube/endpoint-slices.ts'
import { endpoint, sliceOf } from './slices.ts'

t.test('one pod a node, whatever the slices it is in', async (t) => {
  const at = (place: number) => endpoint(`10.244.${place}.7`, `k8s-${place}`)
  const cases: readonly (readonly [string, Parameters<typeof podsIn>[0], ReturnType<typeof podsIn>])[] = [
    ['no slice', [], { pods: [], unnamed: 0 }],
    ['a slice without endpoints', [{ addressType: 'IPv4', endpoints: null }], { pods: [], unnamed: 0 }],
    [
      'two slices',
      [sliceOf([at(2)]), sliceOf([at(1)])],
      { pods: [pod('k8s-1', '10.244.1.7'), pod('k8s-2', '10.244.2.7')], unnamed: 0 },
    ],
    [
      'the same pod in two slices, as while they are written anew',
      [sliceOf([at(1)]), sliceOf([at(1), at(2)])],
      { pods: [pod('k8s-1', '10.244.1.7'), pod('k8s-2', '10.244.2.7')], unnamed: 0 },
    ],
    [
      'two families',
      [sliceOf([endpoint('fd00::7', 'k8s-1')], 'IPv6'), sliceOf([at(1)])],
      { pods: [pod('k8s-1', '10.244.1.7')], unnamed: 0 },
    ],
    ['IPv6 alone', [sliceOf([endpoint('fd00::7', 'k8s-1')], 'IPv6')], { pods: [pod('k8s-1', 'fd00::7')], unnamed: 0 }],
    [
      'not ready: the service publishes them, and their nodes are there',
      [sliceOf([endpoint('10.244.1.7', 'k8s-1', { conditions: { ready: true, serving: false } })])],
      { pods: [pod('k8s-1', '10.244.1.7', false)], unnamed: 0 },
    ],
    [
      'one is being terminated, and its successor is there',
      [sliceOf([endpoint('10.244.1.2', 'k8s-1', { conditions: { terminating: true } }), at(1)])],
      { pods: [pod('k8s-1', '10.244.1.7')], unnamed: 0 },
    ],
    [
      'one is being terminated, and has none',
      [sliceOf([endpoint('10.244.1.2', 'k8s-1', { conditions: { ready: false, terminating: true } })])],
      { pods: [pod('k8s-1', '10.244.1.2')], unnamed: 0 },
    ],
    [
      'the node is not told',
      [sliceOf([endpoint('10.244.9.7', null), at(1)])],
      { pods: [pod('k8s-1', '10.244.1.7')], unnamed: 1 },
    ],
    [
      'the node of a pod is not told in each family',
      [
        sliceOf([endpoint('fd00::7', null, { targetRef: { uid: 'one' } })], 'IPv6'),
        sliceOf([endpoint('10.244.1.7', 'k8s-1', { targetRef: { uid: 'one' } })]),
      ],
      { pods: [pod('k8s-1', '10.244.1.7')], unnamed: 0 },
    ],
    [
      'what is not as it should be',
      [
        { addressType: 'FQDN', endpoints: [endpoint('spegel.example', 'k8s-1')] },
        sliceOf([null, 'text', {}, { addresses: [] }, { addresses: [7] }, at(1)] as never),
        {},
      ],
      { pods: [pod('k8s-1', '10.244.1.7')], unnamed: 0 },
    ],
  ]
  for (const [what, slices, expected] of cases) t.same(podsIn(slices), expected, what)
})

t.test('all nodes read the same, in whatever order they are told', async (t) => {
  const some = fc.record({
    node: fc.constantFrom('k8s-1', 'k8s-2', 'k8s-3', null),
    address: fc.constantFrom('10.244.1.2', '10.244.1.3', '10.244.2.2', 'fd00::2'),
    terminating: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(some, { maxLength: 12 }), fc.infiniteStream(fc.nat()), (endpoints, order) => {
      const slices = endpoints.map(({ node, address, terminating }) =>
        sliceOf([endpoint(address, node, { conditions: { terminating } })], address.includes(':') ? 'IPv6' : 'IPv4'),
      )
      const shuffled = slices.map((it) => [order.next().value as number, it] as const).sort(([a], [b]) => a - b)
      const [one, other] = [podsIn(slices), podsIn(shuffled.map(([, it]) => it))]
      t.same(other, one)
      t.equal(new Set(one.pods.map((it) => it.node)).size, one.pods.length)
    }),
  )
})

function pod(node: string, address: string, isServing = true) {
  return { node, address, isServing }
}
