import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { PullpathError } from '../../src/errors.ts'
import { readTalosIntent } from '../../src/intent/talos-intent.ts'
import { formatPosition } from '../../src/source-position.ts'
import { parseVersion } from '../../src/version.ts'

const CONFIG = 'machine:\n  registries:\n    config:\n'
const CA = '-----BEGIN CERTIFICATE-----\nMIIBca\n-----END CERTIFICATE-----\n'
const CLIENT = '-----BEGIN CERTIFICATE-----\nMIIBclient\n-----END CERTIFICATE-----\n'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const documentOf = (kind: string, name: string, fields: object) =>
  JSON.stringify({ apiVersion: 'v1alpha1', kind, name, ...fields })
const legacyOf = (config: object) => JSON.stringify({ machine: { registries: { config } } })

function read(texts: readonly string[], release = '1.13.9') {
  const version = parseVersion(release)
  if (version === null) throw new TypeError(release)
  return readTalosIntent(
    texts.map((text, index) => ({ path: `${index}.yaml`, text })),
    { version },
  )
}

function failure(text: string): string {
  try {
    read([text])
  } catch (error) {
    if (error instanceof PullpathError) return error.toLine()
    throw error
  }
  return 'no error'
}

interface Settings {
  ca: string | null
  clientCertificate: string | null
  insecureSkipVerify: boolean
}

const NOTHING: Settings = { ca: null, clientCertificate: null, insecureSkipVerify: false }

const READ: { name: string; files: string[]; tls: { [host: string]: Settings }; authHosts?: string[] }[] = [
  {
    name: 'the older form holds PEM as base64',
    files: [
      legacyOf({
        'harbor.lan:8443': {
          tls: {
            ca: base64(CA),
            clientIdentity: { crt: base64(CLIENT), key: base64('key') },
            insecureSkipVerify: true,
          },
        },
      }),
    ],
    tls: { 'harbor.lan:8443': { ca: CA, clientCertificate: CLIENT, insecureSkipVerify: true } },
  },
  {
    name: 'base64 over several lines',
    files: [
      `${CONFIG}      harbor.lan:\n        tls:\n          ca: |\n            ${base64(CA).slice(0, 40)}\n            ${base64(CA).slice(40)}\n`,
    ],
    tls: { 'harbor.lan': { ...NOTHING, ca: CA } },
  },
  {
    name: 'the newer form holds PEM as text',
    files: [documentOf('RegistryTLSConfig', 'harbor.lan', { ca: CA, clientIdentity: { cert: CLIENT, key: 'key' } })],
    tls: { 'harbor.lan': { ca: CA, clientCertificate: CLIENT, insecureSkipVerify: false } },
  },
  {
    name: 'a document takes the place of its host in the older form, with nothing left of it',
    files: [
      legacyOf({ 'a.lan': { tls: { ca: base64(CA) } }, 'b.lan': { tls: { ca: base64(CA) } } }),
      documentOf('RegistryTLSConfig', 'a.lan', { insecureSkipVerify: true }),
    ],
    tls: { 'a.lan': { ...NOTHING, insecureSkipVerify: true }, 'b.lan': { ...NOTHING, ca: CA } },
  },
  {
    name: 'documents of one host are merged over files',
    files: [
      documentOf('RegistryTLSConfig', 'a.lan', { ca: CA }),
      documentOf('RegistryTLSConfig', 'a.lan', { insecureSkipVerify: true }),
    ],
    tls: { 'a.lan': { ...NOTHING, ca: CA, insecureSkipVerify: true } },
  },
  {
    name: 'an empty text of a patch empties the bytes of the older form',
    files: [legacyOf({ 'a.lan': { tls: { ca: base64(CA) } } }), legacyOf({ 'a.lan': { tls: { ca: '' } } })],
    tls: { 'a.lan': NOTHING },
  },
  {
    name: 'an empty text of a patch changes nothing in a document',
    files: [documentOf('RegistryTLSConfig', 'a.lan', { ca: CA }), documentOf('RegistryTLSConfig', 'a.lan', { ca: '' })],
    tls: { 'a.lan': { ...NOTHING, ca: CA } },
  },
  {
    name: 'the client certificate is deleted and the CA stays',
    files: [
      legacyOf({ 'a.lan': { tls: { ca: base64(CA), clientIdentity: { crt: base64(CLIENT), key: base64('key') } } } }),
      legacyOf({ 'a.lan': { tls: { clientIdentity: { $patch: 'delete' } } } }),
    ],
    tls: { 'a.lan': { ...NOTHING, ca: CA } },
  },
  {
    name: 'credentials are known by their hosts, each once',
    files: [
      legacyOf({ 'a.lan': { auth: { username: 'reader', password: 'x' } }, 'b.lan': { auth: {} }, 'c.lan': {} }),
      documentOf('RegistryAuthConfig', 'a.lan', { identityToken: 'x' }),
      documentOf('RegistryAuthConfig', 'd.lan', { auth: 'x' }),
    ],
    tls: {},
    authHosts: ['a.lan', 'b.lan', 'd.lan'],
  },
  {
    name: 'empty TLS settings are settings that say nothing',
    files: [legacyOf({ 'a.lan': { tls: {} } }), documentOf('RegistryTLSConfig', 'b.lan', { clientIdentity: {} })],
    tls: { 'a.lan': NOTHING, 'b.lan': NOTHING },
  },
  { name: 'no host at all', files: [legacyOf({}), 'machine: {registries: {config: }}\n'], tls: {} },
]

for (const { name, files, tls, authHosts = [] } of READ) {
  t.test(`TLS and credentials are read: ${name}`, async (t) => {
    const { intent, problems } = read(files)
    const found = [...intent.tls.values()].map(({ host, ca, clientCertificate, insecureSkipVerify }) => [
      host,
      { ca, clientCertificate, insecureSkipVerify },
    ])
    t.strictSame(Object.fromEntries(found), tls)
    t.strictSame(intent.authHosts, authHosts)
    t.strictSame(problems, [])
  })
}

const WRONG: { name: string; file: string; version?: string; expected: string[] }[] = [
  {
    name: 'a misspelt key of TLS',
    file: `${CONFIG}      a.lan:\n        tls:\n          insecureSkipverify: true\n`,
    expected: ['TALOS_KEY_UNKNOWN a.lan 0.yaml:6:11'],
  },
  {
    name: 'the keys of a document in the older form',
    file: `${CONFIG}      a.lan:\n        tls:\n          clientIdentity: {cert: x}\n`,
    expected: ['TALOS_KEY_UNKNOWN a.lan 0.yaml:6:28'],
  },
  {
    name: 'the keys of the older form in a document',
    file: 'apiVersion: v1alpha1\nkind: RegistryTLSConfig\nname: a.lan\nclientIdentity: {crt: x}\ntls: {}\n',
    expected: ['TALOS_KEY_UNKNOWN a.lan 0.yaml:5:1', 'TALOS_KEY_UNKNOWN a.lan 0.yaml:4:18'],
  },
  {
    name: 'a misspelt key of credentials',
    file: 'apiVersion: v1alpha1\nkind: RegistryAuthConfig\nname: a.lan\nuser: x\n',
    expected: ['TALOS_KEY_UNKNOWN a.lan 0.yaml:4:1'],
  },
  {
    name: 'a host without value',
    file: `${CONFIG}      a.lan:\n`,
    expected: ['TALOS_TLS_UNREACHED a.lan 0.yaml:4:13'],
  },
  {
    name: 'a host without value, which 1.14.1 refuses in each file by itself',
    file: `${CONFIG}      a.lan:\n`,
    version: '1.14.1',
    expected: ['TALOS_KEY_UNKNOWN a.lan 0.yaml:4:13'],
  },
  {
    name: 'base64 in a document',
    file: `apiVersion: v1alpha1\nkind: RegistryTLSConfig\nname: a.lan\nca: ${base64(CA)}\n`,
    expected: ['TALOS_TLS_UNREACHED a.lan 0.yaml:4:5'],
  },
]

for (const { name, file, version, expected } of WRONG) {
  t.test(`what Talos refuses of TLS is a problem with its place: ${name}`, async (t) => {
    const shown = read([file], version).problems.map(
      (it) => `${it.code} ${it.registry} ${it.source === null ? '' : formatPosition(it.source)}`,
    )
    t.strictSame(shown, expected)
  })
}

t.test('shapes that Talos cannot decode are refused with their place', async (t) => {
  const cases: [string, RegExp][] = [
    [
      `${CONFIG}      a.lan: {tls: {ca: "${CA.replaceAll('\n', '\\n')}"}}\n`,
      /^0\.yaml:4:25: Talos wants base64.*base64 -w0/,
    ],
    [`${CONFIG}      a.lan: {tls: {ca: YQ}}\n`, /^0\.yaml:4:25: Talos wants base64/],
    [`${CONFIG}      a.lan: {tls: {clientIdentity: {crt: "%%%%"}}}\n`, /^0\.yaml:4:43: Talos wants base64/],
    [`${CONFIG}      a.lan: {tls: true}\n`, /^0\.yaml:4:20: for tls Talos wants a map/],
    [`${CONFIG}      a.lan: {tls: {insecureSkipVerify: "yes"}}\n`, /^0\.yaml:4:41: .*without quotes/],
    [`${CONFIG}      - a.lan\n`, /^0\.yaml:4:7: for config Talos wants a map, and here stands a list/],
  ]
  for (const [text, expected] of cases) t.match(failure(text), expected)
})

/** Where people write secrets, rightly and wrongly. */
const HIDING: { [where: string]: (secret: string) => string } = {
  password: (it) => legacyOf({ 'a.lan': { auth: { username: 'reader', password: it } } }),
  auth: (it) => legacyOf({ 'a.lan': { auth: { auth: it, identityToken: it } } }),
  'a misspelt key of auth': (it) => legacyOf({ 'a.lan': { auth: { pasword: it } } }),
  'auth that is no map': (it) => legacyOf({ 'a.lan': { auth: it } }),
  'a JSON patch': (it) =>
    JSON.stringify([
      { op: 'test', path: '/machine/registries/config/a.lan', value: it },
      { op: 'add', path: '/machine/registries/config', value: { 'a.lan': { auth: { password: it } } } },
      { op: 'test', path: '/machine/registries/config/a.lan/auth/password', value: `not ${it}` },
    ]),
  'a document': (it) => documentOf('RegistryAuthConfig', 'a.lan', { username: 'reader', password: it, auth: it }),
  'a misspelt key of a document': (it) => documentOf('RegistryAuthConfig', 'a.lan', { token: it }),
  'a document that is of no kind': (it) => documentOf('RegistryAuthsConfig', 'a.lan', { password: it }),
  'a client key': (it) => legacyOf({ 'a.lan': { tls: { clientIdentity: { crt: base64(CLIENT), key: base64(it) } } } }),
  'a client key as text': (it) => legacyOf({ 'a.lan': { tls: { clientIdentity: { crt: it, key: it } } } }),
  'a client key of a document': (it) =>
    documentOf('RegistryTLSConfig', 'a.lan', { clientIdentity: { cert: CLIENT, key: it } }),
  'a key beside the certificate': (it) =>
    documentOf('RegistryTLSConfig', 'a.lan', {
      ca: `${CA}-----BEGIN PRIVATE KEY-----\n${it}\n-----END PRIVATE KEY-----\n`,
      clientIdentity: { cert: `-----BEGIN EC PRIVATE KEY-----\n${it}\n-----END EC PRIVATE KEY-----\n${CLIENT}` },
    }),
  'a key without its end beside the certificate': (it) =>
    legacyOf({ 'a.lan': { tls: { ca: base64(`${CA}-----BEGIN RSA PRIVATE KEY-----\n${it}`) } } }),
  'the URL of an endpoint': (it) =>
    JSON.stringify({ machine: { registries: { mirrors: { 'a.lan': { endpoints: [`http://reader:${it}@a.lan`] } } } } }),
  'the URL of a document': (it) =>
    documentOf('RegistryMirrorConfig', 'a.lan', { endpoints: [{ url: `http://${it}@a.lan` }] }),
  "containerd's own configuration": (it) =>
    JSON.stringify({
      machine: {
        files: [
          {
            op: 'create',
            path: '/etc/cri/conf.d/20-customization.part',
            content: `[plugins."io.containerd.grpc.v1.cri".registry.configs."a.lan".auth]\n  password = "${it}"\n`,
          },
        ],
      },
    }),
  "containerd's own configuration, as invalid TOML": (it) =>
    documentOf('CRICustomizationConfig', 'a', { content: `[host."a".header]\n  Authorization = ["${it}\n` }),
}

function everythingShown(text: string): string {
  try {
    const { intent, problems, notes } = read([text], '1.14.1')
    return JSON.stringify([intent, [...intent.mirrors], [...intent.tls], problems, notes])
  } catch (error) {
    if (error instanceof PullpathError) return `${error.toLine()} ${error.stack}`
    throw error
  }
}

for (const [where, fileWith] of Object.entries(HIDING)) {
  t.test(`nothing of a secret leaves the reader: ${where}`, async (t) => {
    const property = fc.property(fc.stringMatching(/^s3cr3t[a-zA-Z0-9]{8,20}$/), (secret) => {
      const shown = everythingShown(fileWith(secret))
      assert.doesNotMatch(shown, /s3cr3t/)
      assert.equal(shown.includes(base64(secret).replace(/=+$/, '')), false)
    })
    t.doesNotThrow(() => fc.assert(property, { numRuns: 20 }))
  })
}
