import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { readSpegelMetrics } from '../../src/pull/spegel-metrics-page.ts'

/** As Spegel 0.7.4 shows it: a counter is not there before its first event. */
const PAGE = `# HELP http_request_duration_seconds The latency of the HTTP requests.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_count{code="200",handler="/v2/*",method="GET"} 12
http_request_duration_seconds_count{code="206",handler="/v2/*",method="GET"} 1
http_request_duration_seconds_count{code="404",handler="/v2/*",method="GET"} 5
http_request_duration_seconds_count{code="200",handler="/v2/*",method="HEAD"} 9
http_request_duration_seconds_count{code="200",handler="/readyz",method="GET"} 99
# TYPE spegel_advertised_content_digests gauge
spegel_advertised_content_digests{registry="192.168.1.106"} 40
spegel_advertised_content_digests{registry="docker.io"} 1.2e+03
# TYPE spegel_advertised_image_tags gauge
spegel_advertised_image_tags{registry="192.168.1.106"} 4
# TYPE spegel_mirror_requests_total counter
spegel_mirror_requests_total{cache="hit",registry="192.168.1.106"} 12
spegel_mirror_requests_total{cache="miss",registry="192.168.1.106"} 3
spegel_mirror_requests_total{cache="miss",registry="192.168.1.106:8443"} 7
`

async function served(t: Test, status: number, page: string): Promise<string> {
  const server = createServer((_, response) => response.writeHead(status).end(page)).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`
}

t.test('what Spegel counted and advertises is told for each registry that its metrics name', async (t) => {
  const page = await readSpegelMetrics(await served(t, 200, PAGE))
  t.same(page?.traffic(), [
    { registry: '192.168.1.106', hits: 12, misses: 3, tags: 4, contents: 40 },
    { registry: '192.168.1.106:8443', hits: 0, misses: 7, tags: null, contents: null },
    { registry: 'docker.io', hits: 0, misses: 0, tags: null, contents: 1200 },
  ])
  t.same(page?.counters('192.168.1.106'), { hits: 12, misses: 3, given: 13 })
  t.same(page?.counters('quay.io'), { hits: 0, misses: 0, given: 13 })
})

t.test('a registry is a label for whoever asks for it, so that not all of them are told', async (t) => {
  const lines = Array.from({ length: 80 }, (_, i) => `spegel_mirror_requests_total{cache="hit",registry="r${i}"} 1`)
  const page = await readSpegelMetrics(await served(t, 200, `${lines.join('\n')}\n`))
  t.equal(page?.traffic().length, 50)
})

t.test("a page that is not Spegel's, an error, or nobody there is nothing that is known", async (t) => {
  t.equal(await readSpegelMetrics(await served(t, 200, 'process_cpu_seconds_total 1\n')), null)
  t.equal(await readSpegelMetrics(await served(t, 500, PAGE)), null)
  t.equal(await readSpegelMetrics('http://127.0.0.1:1/metrics'), null)
})
