import t from 'tap'
import { NEWEST_SPEGEL, NEWEST_TALOS, readIntent } from '../../src/intent/read-intent.ts'
import { parseVersion } from '../../src/version.ts'

const talosFiles = [
  {
    path: 'talos.yaml',
    text: 'machine: {registries: {mirrors: {192.168.1.106: {endpoints: [http://192.168.1.106]}}}}\n',
  },
]
const spegelFiles = [{ path: 'spegel.yaml', text: 'spegel: {mirroredRegistries: [192.168.1.106]}\n' }]
const nothing = { talosFiles: [], spegelFiles: [], talosVersion: null, spegelVersion: null }

t.test('a half without files is none', async (t) => {
  t.same(readIntent(nothing), { talos: null, spegel: null, problems: [], notes: [] })
  t.match(readIntent({ ...nothing, talosFiles }), { talos: { version: NEWEST_TALOS }, spegel: null })
  t.match(readIntent({ ...nothing, spegelFiles }), { talos: null, spegel: { version: NEWEST_SPEGEL } })
})

t.test('both halves bring their problems, and what was assumed is told', async (t) => {
  const intent = readIntent({ ...nothing, talosFiles, spegelFiles })
  t.same([...(intent.talos?.mirrors.keys() ?? [])], ['192.168.1.106'])
  t.match(intent.problems, [{ code: 'SPEGEL_REGISTRY_NO_SCHEME', source: { file: 'spegel.yaml' } }])
  const assumed = intent.notes.filter((it) => it.code === 'VERSION_ASSUMED').map((it) => it.message)
  t.match(assumed, [/Talos/, /Spegel/])
})

t.test('versions that are given are not assumed', async (t) => {
  const [talosVersion, spegelVersion] = [parseVersion('v1.12.4'), parseVersion('0.6.0')]
  const intent = readIntent({ talosFiles, spegelFiles, talosVersion, spegelVersion })
  t.match(intent, {
    talos: { version: { text: 'v1.12.4' } },
    spegel: { version: { text: '0.6.0' }, versionAssumed: false },
  })
  t.same(
    intent.notes.filter((it) => it.code === 'VERSION_ASSUMED'),
    [],
  )
})
