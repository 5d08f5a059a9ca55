import t from 'tap'
import { PullpathError } from '../../src/errors.ts'
import { PodFinder } from '../../src/pull/pod-finder.ts'
import { MemoryDaemon } from '../containerd/client/memory-daemon.ts'

const NAMES = new Set(['docker.io/library/app:v1'])
const [IMAGE = ''] = NAMES

function site() {
  const daemon = new MemoryDaemon()
  const finder = new PodFinder(daemon.client().inNamespace('k8s.io'))
  const create = (id: string, { image = IMAGE, at = 100, name = 'app' } = {}) => {
    const labels = new Map([
      ['io.kubernetes.pod.namespace', 'shop'],
      ['io.kubernetes.pod.name', 'web-0'],
      ['io.kubernetes.pod.uid', 'uid-1'],
      ...(name === '' ? [] : [['io.kubernetes.container.name', name] as const]),
    ])
    daemon.store('k8s.io').containers.set(id, { id, labels, image, createdAt: at })
    finder.hear({ topic: '/containers/create', namespace: 'k8s.io', id, image, at })
  }
  return { daemon, finder, create }
}

t.test('the next container of the image tells the pod', async (t) => {
  const { finder, create } = site()
  create('before', { at: 99, name: 'old' })
  const ending = new AbortController()
  const found = finder.find(NAMES, 100, ending.signal)
  create('other', { image: 'docker.io/library/other:v1', name: 'other' })
  create('sandbox', { name: '' })
  create('own')
  create('later', { name: 'late' })
  t.same(await found, { namespace: 'shop', name: 'web-0', uid: 'uid-1', container: 'app' })
  t.match(
    await finder.find(NAMES, 100, ending.signal),
    { container: 'app' },
    'it may have been made before it is asked',
  )
})

t.test('there may be none', async (t) => {
  const { daemon, finder, create } = site()
  const ending = new AbortController()
  const found = finder.find(NAMES, 100, ending.signal)
  create('gone')
  daemon.store('k8s.io').containers.clear()
  setImmediate(() => ending.abort())
  t.equal(await found, null)
  create('away')
  daemon.failure = new PullpathError('PP_DAEMON_UNREACHABLE', 'away')
  t.equal(await finder.find(NAMES, 100, ending.signal), null)
})
