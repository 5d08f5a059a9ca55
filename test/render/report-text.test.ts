import t from 'tap'
import { renderReportText } from '../../src/render/report-text.ts'
import { endpoint, finding, registry, report } from './sample-report.ts'

const PLAIN = { colour: false, width: 100 }

t.test('a node that is as Git asks', async (t) => {
  t.equal(
    renderReportText(report(), PLAIN),
    `Node k8s-1 (192.168.1.98)
  containerd 2.2.5, local pull · Talos v1.13.6 · Spegel 0.7.4 (assumed)
  hosts directory /etc/cri/conf.d/hosts, read 2026-09-01T12:04:00Z

containerd does what Git declares.

REGISTRY       MIRROR  AS GIT ASKS  ASKED, IN THIS ORDER
192.168.1.106  yes     yes          1 http://192.168.1.98:29999/v2 (peer)
                                    2 http://192.168.1.106/v2 (origin)
`,
  )
})

t.test('findings stand above the table, what is unknown below it', async (t) => {
  const path = { directory: null, file: null, notes: [] }
  const text = renderReportText(
    report({
      findings: [finding({ severity: 'info' }), finding({ severity: 'critical', reason: 'plain-http-lost' })],
      inputs: [{ input: 'containerd', up: false, message: 'no such file' }],
      notes: ['valuesFrom is not seen'],
      registries: [
        registry('192.168.1.106', {
          effective: false,
          inSync: false,
          observed: { ...path, endpoints: [], error: null },
        }),
        registry('docker.io', {
          effective: null,
          inSync: null,
          observed: { ...path, endpoints: [], error: { code: 'NOT_SEEN', message: 'outside', source: null } },
        }),
        registry('ghcr.io', {
          observed: { ...path, endpoints: [], error: { code: 'NOT_A_DIRECTORY', message: 'a file', source: null } },
        }),
        registry('stray.io', {
          declaredBy: [],
          effective: null,
          inSync: null,
          observed: {
            ...path,
            error: null,
            endpoints: [endpoint('https://stray.io/v2', { declaredIn: 'default', resolve: false, httpsFirst: true })],
          },
        }),
      ],
    }),
    PLAIN,
  )
  t.ok(text.indexOf('CRITICAL') < text.indexOf('INFO'), 'the worst finding comes first')
  t.match(text, /\n1 finding\.\n/)
  t.match(text, /\n192\.168\.1\.106 +NO +NO +nobody\n/)
  t.match(text, /\ndocker\.io +unknown +unknown +not known: outside\n/)
  t.match(text, /\nghcr\.io +yes +yes +pulls fail: a file\n/)
  t.match(text, /\nstray\.io +- +- +1 .*\(origin, containerd's default, https first, then http, never for tags\)\n/)
  t.match(text, /\nCould not be read:\n {2}- containerd: no such file\n/)
  t.match(text, /\nNotes:\n {2}- valuesFrom is not seen\n$/)
})

t.test('what could not be read is never shown as fine', async (t) => {
  const text = renderReportText(report({ inputs: [{ input: 'hosts', up: false, message: 'EACCES' }] }), PLAIN)
  t.notMatch(text, 'containerd does what Git declares')
})

t.test('for Git alone the table shows the expected path and no verdict on a node', async (t) => {
  const registries = [registry('192.168.1.106', { observed: null, inSync: null })]
  const text = renderReportText(report({ registries }), PLAIN, 'intent')
  t.match(text, /^What Git declares, for a node with the address 192\.168\.1\.98\n/)
  t.match(text, /\n192\.168\.1\.106 +yes +- +1 http:.*\n +2 http/)
})
