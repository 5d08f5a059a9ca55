import t from 'tap'
import { goQueryIsEmpty, goUrlText, parseGoUrl } from '../../src/format/go-url.ts'

t.test('a URL is read and printed as Go does', (t) => {
  const cases: [raw: string, host: string, text: string][] = [
    ['http://192.168.1.106', '192.168.1.106', 'http://192.168.1.106'],
    ['HTTPS://Ghcr.IO:443', 'Ghcr.IO:443', 'https://Ghcr.IO:443'],
    ['http://[fd00::1%25eth0]:80', '[fd00::1%eth0]:80', 'http://[fd00::1%25eth0]:80'],
    ['http://h\u00fctte.lan', 'h\u00fctte.lan', 'http://h%C3%BCtte.lan'],
    ['http://h%C3%BCtte.lan', 'h\u00fctte.lan', 'http://h%C3%BCtte.lan'],
    ['http://', '', 'http:'],
    ['http:192.168.1.106', '', 'http:192.168.1.106'],
    ['http://ghcr.io?', 'ghcr.io', 'http://ghcr.io?'],
    ["http://ghcr.io#it's", 'ghcr.io', "http://ghcr.io#it's"],
    ['http://ghcr.io#a b', 'ghcr.io', 'http://ghcr.io#a%20b'],
    ['http://ghcr.io:', 'ghcr.io:', 'http://ghcr.io:'],
  ]
  for (const [raw, host, text] of cases) {
    const url = parseGoUrl(raw, { strictColons: true })
    if (typeof url === 'string') t.fail(`${raw}: ${url}`)
    else t.strictSame([url.host, goUrlText(url)], [host, text], raw)
  }
  t.end()
})

t.test('what Go refuses is refused, with its reason', (t) => {
  const cases: [raw: string, reason: string][] = [
    ['192.168.1.106:5000', 'first path segment in URL cannot contain colon'],
    ['://ghcr.io', 'missing protocol scheme'],
    ['http://ghcr.io:port', 'invalid port :port after host'],
    ['http://[fd00::1', "missing ']' in host"],
    ['http://[10.0.0.1]', 'invalid host: [10.0.0.1]'],
    ['http://x[fd00::1]', 'invalid IP-literal'],
    ['http://gh cr.io', 'invalid character in host name'],
    ['http://%41.lan', 'invalid URL escape'],
    ['http://ghcr.io/%zz', 'invalid URL escape'],
    ['http://a b@ghcr.io', 'invalid userinfo'],
    ['http://ghcr.io\u0007', 'invalid control character in URL'],
  ]
  for (const [raw, reason] of cases) t.equal(parseGoUrl(raw, { strictColons: true }), reason, raw)
  t.end()
})

t.test('an IPv6 address without brackets depends on the Go that the program was built with', (t) => {
  t.equal(parseGoUrl('http://fd00::1:5000', { strictColons: true }), 'invalid port ::1:5000 after host')
  t.match(parseGoUrl('http://fd00::1:5000', { strictColons: false }), { host: 'fd00::1:5000' })
  t.end()
})

t.test('a query counts only where Go finds a parameter in it', (t) => {
  for (const query of [null, '', '&&', ';', 'a;b', 'a=%zz']) t.equal(goQueryIsEmpty(query), true, String(query))
  for (const query of ['a', '=', 'a=b', ';&x']) t.equal(goQueryIsEmpty(query), false, query)
  t.end()
})
