import t from 'tap'
import { isProbeNews } from '../../src/drift/probe-news.ts'
import type { EndpointFailure, EndpointProbe, Probes } from '../../src/drift/probes.ts'

const TIME = { at: '2026-09-01T12:00:00.000Z', validUntil: '2026-09-01T12:03:00.000Z' }
const LATER = { at: '2026-09-01T12:01:00.000Z', validUntil: '2026-09-01T12:04:00.000Z' }
const FAILURE = { reason: 'endpoint-down', detail: 'refused', since: LATER.at } as EndpointFailure

function endpoint(more: Partial<EndpointProbe> = {}): EndpointProbe {
  const phases = { resolve: null, connect: 0.001, tls: null, processing: 0.002, transfer: 0.001 }
  const steps = [{ step: 'ping', result: 'passed', duration: 0.004, words: '/v2/' }] as const
  return {
    ...{ url: 'http://192.168.1.106/v2', role: 'origin', registries: ['192.168.1.106'], ...TIME },
    ...{ phases, steps, failure: null, failures: 0, ...more },
  }
}

const component = (healthy: boolean) => ({ name: 'core', healthy, words: '' })
function probes(more: Partial<Probes> = {}): Probes {
  const harbor = { url: 'http://192.168.1.106', duration: 0.1, components: [component(true)], words: '', ...TIME }
  const spegel = {
    url: 'http://192.168.1.98:30020',
    duration: 0.1,
    ready: true,
    registries: [],
    lastReadyAt: TIME.at,
    ...TIME,
  }
  return { endpoints: [endpoint()], harbor, spegel: { ...spegel, failures: 0, words: '' }, ...more }
}

t.test('when it was asked and how long it took is no news', async (t) => {
  const { harbor, spegel } = probes()
  const steps = [{ step: 'ping', result: 'passed', duration: 0.9, words: '/v2/' }] as const
  const phases = { resolve: null, connect: 0.9, tls: null, processing: 0.9, transfer: 0.9 }
  const after = probes({
    endpoints: [endpoint({ ...LATER, steps, phases })],
    harbor: harbor && { ...harbor, ...LATER, duration: 0.9 },
    spegel: spegel && { ...spegel, ...LATER, duration: 0.9, lastReadyAt: LATER.at },
  })
  t.notOk(isProbeNews(probes(), after))
})

t.test('what was answered is, and every failure', async (t) => {
  const { harbor, spegel } = probes()
  for (const after of [
    probes({ endpoints: [] }),
    probes({ endpoints: [endpoint(), endpoint({ url: 'http://192.168.1.98:30020/v2' })] }),
    probes({ endpoints: [endpoint({ failure: FAILURE, failures: 1 })] }),
    probes({ endpoints: [endpoint({ steps: [{ step: 'ping', result: 'skipped', duration: null, words: '' }] })] }),
    probes({ harbor: harbor && { ...harbor, components: [component(false)] } }),
    probes({ harbor: null }),
    probes({ spegel: spegel && { ...spegel, ready: false, failures: 1 } }),
  ]) {
    t.ok(isProbeNews(probes(), after))
  }
  const failed = (failures: number) => probes({ endpoints: [endpoint({ failure: FAILURE, failures })] })
  t.ok(isProbeNews(failed(1), failed(2)))
})
