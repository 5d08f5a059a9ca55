import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { readConfig } from '../../src/config/read-config.ts'
import { PullpathError } from '../../src/errors.ts'

const INVALID = new URL('../fixtures/config/invalid/', import.meta.url)
const SURROUNDINGS = { env: { NODE_NAME: 'k8s-1', NODE_IP: '192.168.1.98' }, hostname: 'a-host' }

/** What each wrong file is refused with: the whole line that a person reads. */
const REFUSALS: Readonly<Record<string, string>> = {
  'alias-bomb': '1:1: the aliases of this file repeat too much [PP_YAML_INVALID]',
  'bad-version':
    '2:12: containerd.version: "latest" is not allowed (allowed: a version such as 2.1.9, or null) [PP_CONFIG_INVALID]',
  'canary-by-digest': `2:10: canary.image: "192.168.1.106/library/pullpath-canary@sha256:${'a'.repeat(33)}… is not allowed (allowed: HOST[:PORT]/REPOSITORY without tag or digest, such as 192.168.1.106/library/pullpath-canary) [PP_CONFIG_INVALID]`,
  'canary-with-tag':
    '1:18: canary.image: "192.168.1.106/library/pullpath-canary:tag-0" is not allowed (allowed: HOST[:PORT]/REPOSITORY without tag or digest, such as 192.168.1.106/library/pullpath-canary) [PP_CONFIG_INVALID]',
  'duration-out-of-range':
    '2:11: watch.settle: "1ms" is not allowed (allowed: a duration from 10ms to 1m, such as 250ms, 5s or 1h30m) [PP_CONFIG_INVALID]',
  'environment-not-set':
    '3:7: node.ip: the environment variable POD_IP is not set (set POD_IP, or write the value itself) [PP_CONFIG_INVALID]',
  'key-twice': '2:1: not valid YAML: this key stands twice in one map [PP_YAML_INVALID]',
  'list-item': '2:20: canary.methods.1: "ctr" is not allowed (allowed: probe, containerd) [PP_CONFIG_INVALID]',
  'not-a-duration':
    '1:18: watch.rescan: 5 is not allowed (allowed: a duration from 100ms to 1h, such as 250ms, 5s or 1h30m, or 0 for off) [PP_CONFIG_INVALID]',
  'not-an-address':
    '1:13: node.ip: "k8s-1" is not an IP address (allowed: an IPv4 or IPv6 address) [PP_CONFIG_INVALID]',
  'patches-is-text':
    '3:14: intent.talos.patches: "/etc/pullpath/talos/*.yaml" is not allowed (allowed: a list, each item a text that is not empty) [PP_CONFIG_INVALID]',
  'port-too-large':
    '1:15: http.port: 70000 is not allowed (allowed: a whole number from 0 to 65535) [PP_CONFIG_INVALID]',
  'relative-hosts-dir':
    '2:13: containerd.hostsDir: "etc/cri/conf.d/hosts" is not allowed (allowed: an absolute path) [PP_CONFIG_INVALID]',
  'section-is-text': '1:9: intent: "everything" is not allowed (allowed: a map with talos, spegel) [PP_CONFIG_INVALID]',
  'settle-off':
    '2:11: watch.settle: 0 is not allowed (allowed: a duration from 10ms to 1m, such as 250ms, 5s or 1h30m) [PP_CONFIG_INVALID]',
  several: ` 3 mistakes
  several.yaml:1:1: unknown key "wacth" (did you mean watch?)
  several.yaml:3:10: log.level: "verbose" is not allowed (allowed: trace, debug, info, warn, error, fatal, silent)
  several.yaml:5:9: http.port: -1 is not allowed (allowed: a whole number from 0 to 65535) [PP_CONFIG_INVALID]`,
  syntax: '3:1: not valid YAML: All mapping items must start at the same column [PP_YAML_INVALID]',
  'two-documents': '3:1: a second YAML document stands here (write one document) [PP_CONFIG_INVALID]',
  'unknown-key': '3:3: unknown key "resan" in watch (did you mean rescan?) [PP_CONFIG_INVALID]',
  'unknown-section':
    '1:1: unknown key "frobnicate" (allowed: node, host, intent, containerd, watch, probe, canary, observe, registryAuth, harbor, spegel, kubernetes, http, log) [PP_CONFIG_INVALID]',
  'wrong-choice':
    '3:11: intent.spegel.from: "deamonset" is not allowed (allowed: daemonset, helmrelease, values, none) [PP_CONFIG_INVALID]',
  'wrong-type': '2:9: http.port: "9478" is not allowed (allowed: a whole number from 0 to 65535) [PP_CONFIG_INVALID]',
}

t.test('every wrong file has its refusal', async (t) => {
  t.same(
    readdirSync(INVALID).sort(),
    Object.keys(REFUSALS)
      .map((name) => `${name}.yaml`)
      .sort(),
  )
})

for (const [name, refusal] of Object.entries(REFUSALS)) {
  t.test(`refuses ${name}`, async (t) => {
    const text = readFileSync(new URL(`${name}.yaml`, INVALID), 'utf8')
    t.equal(refusalOf(text, `${name}.yaml`), `${name}.yaml:${refusal}`)
  })
}

t.test('without a file the defaults hold, and the environment names the node', async (t) => {
  const config = readConfig(null, 'none', SURROUNDINGS)
  t.match(config, {
    node: { name: 'k8s-1', ip: '192.168.1.98' },
    host: { root: '/host' },
    intent: { spegel: { from: 'daemonset', namespace: 'kube-system' } },
    containerd: { hostsDir: '/etc/cri/conf.d/hosts', configFile: null },
    watch: { rescan: 5000, settle: 250, holdDown: 120_000 },
    http: { port: 9478, host: '0.0.0.0' },
    log: { level: 'info' },
  })
})

t.test('the example of the documentation is read, with placeholders inside of a flow map', async (t) => {
  const text = `node: { name: \${NODE_NAME}, ip: \${NODE_IP} }\nprobe: { interval: 1m, timeout: 10s, public: false }\nhttp: { port: \${PORT} }\n`
  const config = readConfig(text, 'config.yaml', { ...SURROUNDINGS, env: { ...SURROUNDINGS.env, PORT: '9000' } })
  t.same(config.node, { name: 'k8s-1', ip: '192.168.1.98' })
  t.same([config.probe.interval, config.probe.timeout, config.http.port], [60_000, 10_000, 9000])
})

t.test('a value of the environment stays a text, whatever it looks like', async (t) => {
  const env = { NODE_NAME: 'x, ip: 10.0.0.1 }', NODE_IP: 'fd00::98' }
  const config = readConfig('node: { name: ${NODE_NAME}, ip: ${NODE_IP} }', 'config.yaml', { env, hostname: 'h' })
  t.same(config.node, { name: 'x, ip: 10.0.0.1 }', ip: 'fd00::98' })
})

t.test('a section whose keys are all commented out is a section of defaults', async (t) => {
  const config = readConfig('watch:\n  # rescan: 1s\nhttp:\n', 'config.yaml', SURROUNDINGS)
  t.equal(config.watch.rescan, 5000)
  t.equal(config.http.port, 9478)
})

t.test('a list that is given replaces the default, a map of images too', async (t) => {
  const text = 'intent: { talos: { patches: [] } }\nprobe: { images: { ghcr.io: a/b:c } }'
  const config = readConfig(text, 'config.yaml', SURROUNDINGS)
  t.same(config.intent.talos.patches, [])
  t.same(config.probe.images, { 'ghcr.io': 'a/b:c' })
})

t.test('without NODE_NAME the host name serves, without NODE_IP nothing does', async (t) => {
  t.equal(readConfig('node: { ip: 10.0.0.1 }', 'c', { env: {}, hostname: 'a-host' }).node.name, 'a-host')
  t.throws(() => readConfig(null, 'c', { env: {}, hostname: 'h' }), {
    code: 'PP_CONFIG_INVALID',
    message: 'c: node.ip is not given and the environment variable NODE_IP is not set',
  })
})

t.test('defaults of one reading are not those of the next', async (t) => {
  readConfig(null, 'c', SURROUNDINGS).intent.talos.patches.push('/another')
  t.same(readConfig(null, 'c', SURROUNDINGS).intent.talos.patches, ['/etc/pullpath/talos/*.yaml'])
})

function refusalOf(text: string, file: string): string {
  try {
    readConfig(text, file, SURROUNDINGS)
  } catch (error) {
    if (error instanceof PullpathError) return error.toLine()
    throw error
  }
  return 'accepted'
}
