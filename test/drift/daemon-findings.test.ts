import t from 'tap'
import { daemonConfigStale, layersDiscarded } from '../../src/drift/daemon-findings.ts'
import { daemonFacts, intentOf, nodeFacts, spegelIntent, talosIntent, version } from '../fixtures/intents.ts'

const STALE = {
  file: '/etc/cri/conf.d/cri.toml',
  changedAt: '2026-09-01T12:00:00.000Z',
  startedAt: '2026-08-20T08:00:00.000Z',
}
const spegel = spegelIntent(['https://docker.io'])
const talos = (release: string) => intentOf(talosIntent([], { version: version(release) }), spegel)

t.test('a configuration that changed after the daemon started is told with both times', async (t) => {
  const finding = daemonConfigStale(talos('1.13.9'), daemonFacts({ stale: STALE }), nodeFacts())
  t.match(finding, {
    reason: 'daemon-config-stale',
    kind: 'drift',
    registry: '',
    expected: ['containerd started after 2026-09-01T12:00:00.000Z'],
    observed: ['containerd started 2026-08-20T08:00:00.000Z'],
    cause: { actor: 'talos', text: /only at a reboot/ },
    remedy: [{ command: 'talosctl -n 192.168.1.98 reboot' }],
  })
  t.equal(finding?.evidence?.[0]?.time, STALE.changedAt, 'it lasts since the file changed')
  t.equal(daemonConfigStale(talos('1.13.9'), daemonFacts(), nodeFacts()), null)
  t.match(daemonConfigStale(talos('1.14.0'), daemonFacts({ stale: STALE }), nodeFacts())?.cause.text, /1\.14/)
  t.equal(daemonConfigStale(intentOf(null, spegel), daemonFacts({ stale: STALE }), nodeFacts())?.cause.actor, 'unknown')
})

t.test('the way to keep layers is that of the Talos release', async (t) => {
  const remedy = (release: string) => {
    const [first] =
      layersDiscarded(talos(release), daemonFacts({ discardUnpackedLayers: true }), nodeFacts())?.remedy ?? []
    return first
  }
  const patch = /-p '(.*)'(?: && talosctl -n 192\.168\.1\.98 reboot)?$/
  const old = remedy('1.13.9')
  t.match(old?.command, /--mode=staged .* && talosctl -n 192\.168\.1\.98 reboot$/)
  t.match(JSON.parse(patch.exec(old?.command ?? '')?.[1] ?? ''), [
    { op: 'add', path: '/machine/files', value: [{ path: '/etc/cri/conf.d/20-customization.part', op: 'create' }] },
  ])
  const recent = remedy('1.14.0')
  t.notMatch(recent?.command, /reboot/)
  t.match(JSON.parse(patch.exec(recent?.command ?? '')?.[1] ?? ''), {
    kind: 'CRICustomizationConfig',
    content: /discard_unpacked_layers = false/,
  })
})
