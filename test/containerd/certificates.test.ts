import { readFileSync } from 'node:fs'
import t from 'tap'
import { fileNode, type TreeNode } from '../../src/hosts/tree.ts'
import { pathIn, pathOfFile, type Tree, urls } from './node.ts'

const pem = (name: string) => readFileSync(new URL(`../fixtures/containerd/${name}`, import.meta.url), 'utf8')
const FILES = { 'one.crt': pem('one.crt'), 'one.key': pem('one.key'), 'two.key': pem('two.key') }
/** A private key, which is never read. */
const SECRET: TreeNode = { ...fileNode(''), text: null, omitted: 'secret' }
/** A block whose content is none. */
const block = (name: string) => `-----BEGIN ${name}-----\nAAAA\n-----END ${name}-----\n`
const BOTH = FILES['one.crt'] + FILES['one.key']

t.test('what cannot be loaded fails the pull, even for the last endpoint', async (t) => {
  const cases: readonly (readonly [string, Tree, RegExp | null])[] = [
    ["ca = 'ca.pem'", {}, /no such file/],
    ["ca = 'ca.pem'", { 'ca.pem': 'junk' }, /holds no certificate/],
    ["ca = 'ca.pem'", { 'ca.pem': block('CERTIFICATE') }, /holds no certificate/],
    ["ca = 'ca.pem'", { 'ca.pem': block('CERTIFICATE') + FILES['one.crt'] }, null],
    ["ca = 'ca.pem'", { 'ca.pem': {} }, /is a directory/],
    ["ca = 'ca.pem'", { 'ca.pem': FILES['one.crt'] }, null],
    ["ca = ['one.crt', 'ca.pem']", FILES, /ca\.pem/],
    ["ca = ''", FILES, /is a directory/],
    ["ca = '/etc/cri/conf.d/hosts/192.168.1.106/one.crt'", FILES, null],
    ["client = 'both.pem'", { 'both.pem': BOTH }, null],
    ["client = 'one.crt'", FILES, /no private key/],
    ["client = ['one.crt', 'one.key']", FILES, /X509 key pair/],
    ["client = [['one.crt', 'one.key']]", FILES, null],
    ["client = [['one.crt', 'two.key']]", FILES, /not the certificate/],
    ["client = [['one.crt', '']]", FILES, /is a directory/],
    ["client = [['one.crt', 'bad.key']]", { ...FILES, 'bad.key': block('PRIVATE KEY') }, /cannot be parsed/],
    ["client = [['ca.pem', 'one.key']]", { ...FILES, 'ca.pem': 'junk' }, /no certificate/],
    ["client = [['one.crt', 'secret.key']]", { ...FILES, 'secret.key': SECRET }, null],
    ["client = [['gone.crt', 'one.key']]", FILES, /no such file/],
  ]
  for (const [field, beside, message] of cases) {
    for (const file of [`[host.'https://a']\n${field}\n`, `${field}\n[host.'https://a']\n`]) {
      const path = pathOfFile(file, '2.2.7', beside)
      t.equal(path.error?.code, message === null ? undefined : 'CERTIFICATE_UNUSABLE', file)
      if (message !== null) t.match(path.error?.message, message, file)
    }
  }
})

t.test('a file that we may not read is not called unusable', async (t) => {
  const secret: TreeNode = { kind: 'unreadable', code: 'EACCES', message: 'permission denied' }
  t.equal(pathOfFile("[host.'https://a']\nca = 'ca.pem'\n", '2.2.7', { 'ca.pem': secret }).error?.code, 'NOT_SEEN')
  const outside = pathOfFile("[host.'https://a']\nca = '/etc/ssl/lan.pem'\n")
  t.equal(outside.error, null)
  t.same(
    outside.notes.map((it) => it.code),
    ['NOT_SEEN'],
  )
  t.same(outside.endpoints[0]?.ca, ['/etc/ssl/lan.pem'])
})

t.test("Docker's certificate files count where no hosts.toml does", async (t) => {
  const at = (files: Tree) => pathIn({ 'reg.lan': files }, 'reg.lan')
  const files = { 'ca.crt': FILES['one.crt'], 'client.cert': FILES['one.crt'], 'client.key': FILES['one.key'] }
  const path = at(files)
  t.same(urls(path), ['https://reg.lan/v2'])
  t.same([path.endpoints[0]?.ca, path.endpoints[0]?.client], [['/etc/cri/conf.d/hosts/reg.lan/ca.crt'], true])
  t.equal(at({ ...files, 'hosts.toml': 'x = ' }).endpoints[0]?.client, true, 'beside a file that is thrown away')
  t.equal(at({ ...files, 'hosts.toml': "server = 'https://reg.lan'\n" }).endpoints[0]?.client, false)
  t.equal(at({ 'client.cert': FILES['one.crt'] }).error?.code, 'CERTIFICATE_UNUSABLE', 'a certificate without key')
  t.equal(at({ 'ca.crt': 'junk' }).error?.code, 'CERTIFICATE_UNUSABLE')
})

t.test('keys are in nothing that is given back', async (t) => {
  const path = pathOfFile("[host.'https://a']\nclient = [['one.crt', 'two.key']]\n", '2.2.7', FILES)
  t.notMatch(JSON.stringify(path), 'PRIVATE')
})
