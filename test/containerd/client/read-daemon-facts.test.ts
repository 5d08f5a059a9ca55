import t from 'tap'
import { readDaemonFacts } from '../../../src/containerd/client/read-daemon-facts.ts'
import type { RunningDaemon } from '../../../src/containerd/running-daemon.ts'
import { MemoryDaemon } from './memory-daemon.ts'

const NOW = new Date('2026-11-25T12:00:00.000Z')
const IMAGES = { type: 'io.containerd.cri.v1', id: 'images', initError: null }
const CRI_1 = JSON.stringify({
  containerd: { snapshotter: 'overlayfs', discardUnpackedLayers: true },
  registry: {
    configPath: '/etc/cri/conf.d/hosts',
    mirrors: null,
    auths: { 'https://registry.example': { password: 'SECRET' } },
  },
})

/** What each fact came to: its value and what was asked for it; null: this release does not tell. */
type Summary = Partial<Record<keyof RunningDaemon, readonly [unknown, string] | null>>

const CASES: { name: string; daemon: Partial<MemoryDaemon>; expected: Summary }[] = [
  {
    name: '1.7 tells all of it by Status, and knows only local pull',
    daemon: { version: '1.7.24~ds1', criConfig: CRI_1 },
    expected: {
      pullMode: ['local', 'Version'],
      configPath: ['/etc/cri/conf.d/hosts', 'CRI Status'],
      legacyMirrors: [new Map(), 'CRI Status'],
      discardUnpackedLayers: [true, 'CRI Status'],
      criFailure: null,
    },
  },
  {
    name: '2.0 has no transfer service for CRI, and tells nothing else',
    daemon: { version: 'v2.0.11' },
    expected: { pullMode: ['local', 'Version'], configPath: null, legacyMirrors: null, discardUnpackedLayers: null },
  },
  {
    name: '2.1 tells nothing that would be certain',
    daemon: { version: '2.1.9+unknown' },
    expected: { pullMode: null, configPath: null, discardUnpackedLayers: null },
  },
  {
    name: '2.1 warns of deprecated settings, each of which forces local pull',
    daemon: {
      version: '2.1.9',
      server: {
        uuid: 'u',
        pid: 1,
        deprecations: [
          { id: 'io.containerd.deprecation/something-else', message: '' },
          { id: 'io.containerd.deprecation/cri-registry-configs', message: '' },
        ],
      },
    },
    expected: { pullMode: ['local', 'registry.configs (Introspection Server)'] },
  },
  {
    name: '2.4 exports two settings',
    daemon: {
      version: '2.4.0',
      plugins: [
        {
          ...IMAGES,
          exports: new Map([
            ['RegistryConfigPath', '/a:/b'],
            ['DiscardUnpackedLayers', 'false'],
          ]),
        },
      ],
    },
    expected: {
      pullMode: null,
      configPath: ['/a:/b', 'Introspection Plugins'],
      discardUnpackedLayers: [false, 'Introspection Plugins'],
    },
  },
  {
    name: '2.4 that discards layers pulls without the transfer service',
    daemon: { version: '2.4.0', plugins: [{ ...IMAGES, exports: new Map([['DiscardUnpackedLayers', 'true']]) }] },
    expected: {
      pullMode: ['local', 'discard_unpacked_layers (Introspection Plugins)'],
      discardUnpackedLayers: [true, 'Introspection Plugins'],
    },
  },
]

for (const { name, daemon, expected } of CASES) {
  t.test(name, async (t) => {
    const memory = Object.assign(new MemoryDaemon(), daemon)
    const facts = await readDaemonFacts(memory.client(), () => NOW)
    t.equal(facts.version.value.text, daemon.version)
    t.equal(facts.startedAt.value, new Date(memory.startedAt).toISOString())
    for (const [key, fact] of Object.entries(expected)) {
      const known = facts[key as keyof RunningDaemon]
      t.same(known === null ? null : [known.value, known.source], fact, key)
      if (known !== null) t.match(known, { origin: 'daemon', at: NOW.toISOString() })
    }
    t.notMatch(JSON.stringify(facts), /SECRET/, 'no credential is kept')
  })
}

t.test('a CRI that did not load is told in the words of its plugin, and the rest all the same', async (t) => {
  const daemon = Object.assign(new MemoryDaemon(), {
    version: '2.1.9',
    hasCri: false,
    plugins: [{ ...IMAGES, exports: new Map(), initError: 'mirrors cannot be set when config_path is provided' }],
  })
  const facts = await readDaemonFacts(daemon.client(), () => NOW)
  t.equal(facts.criFailure?.value, 'images: mirrors cannot be set when config_path is provided')
  t.equal(facts.version.value.text, '2.1.9')
})

t.test('releases before 1.7, and what is no version, are refused by name', async (t) => {
  const read = (version: string) => {
    return readDaemonFacts(Object.assign(new MemoryDaemon(), { version }).client(), () => NOW)
  }
  await t.rejects(read('1.6.39'), { code: 'PP_VERSION_UNSUPPORTED', message: 'containerd 1.6.39 is not supported' })
  await t.rejects(read('unknown'), { code: 'PP_VERSION_INVALID' })
})
