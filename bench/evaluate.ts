/**
 * What one evaluation costs, by number of registries. Beside it in the same run: only parsing the same hosts.toml
 * files with the TOML library, which is the least that anybody who reads them has to do.
 *
 *   cold: nothing was read before, neither the intent nor a file of the tree
 *   one file changed: what the agent pays when somebody writes a hosts.toml
 *   warm: nothing has changed (a rescan that the agent would not even evaluate)
 */
import { parseTOML } from 'toml-eslint-parser'
import { evaluate } from '../src/drift/evaluate.ts'
import { viewOf } from '../src/hosts/file-view.ts'
import { type DirectoryNode, directoryNode, fileNode } from '../src/hosts/tree.ts'
import { daemonFacts, HOSTS_DIR, nodeFacts } from '../test/fixtures/intents.ts'
import { hostsFiles, intentWith, observedTree } from './node.ts'

const daemon = daemonFacts()
const node = nodeFacts()
const ROUNDS = 15

interface Row {
  registries: number
  parse: number
  cold: number
  changed: number
  warm: number
}

const rows = [20, 250, 500, 1000].map(measure)
for (const row of rows) {
  const per = (row.cold / row.registries) * 1000
  console.log(
    `${String(row.registries).padStart(5)} registries: cold ${ms(row.cold)} (${per.toFixed(1)} us each), one file changed ${ms(row.changed)}, ` +
      `warm ${ms(row.warm)}; parsing the files alone ${ms(row.parse)}; cold / parsing ${(row.cold / row.parse).toFixed(2)}, changed / parsing ${(row.changed / row.parse).toFixed(2)}`,
  )
}
const [, quarter, , full] = rows
if (quarter !== undefined && full !== undefined) {
  console.log(`linear: cost of 1000 / cost of 250 = ${(full.cold / quarter.cold).toFixed(2)} (4.00 is linear)`)
}

function measure(registries: number): Row {
  const cold: number[] = []
  const changed: number[] = []
  const warm: number[] = []
  const parse: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const intent = intentWith(registries)
    const observed = observedTree(intent)
    const files = hostsFiles(observed.hosts)
    parse.push(time(() => files.map((it) => parseTOML(it))))
    cold.push(time(() => evaluate(intent, observed, daemon, node)))
    warm.push(time(() => evaluate(intent, observed, daemon, node)))
    const rewritten = withOneFileChanged(observed.hosts as DirectoryNode)
    const after = { hosts: rewritten, view: viewOf(new Map([[HOSTS_DIR, rewritten]])) }
    changed.push(time(() => evaluate(intent, after, daemon, node)))
  }
  return { registries, parse: median(parse), cold: median(cold), changed: median(changed), warm: median(warm) }
}

function withOneFileChanged(tree: DirectoryNode): DirectoryNode {
  const file = fileNode(
    "[host]\n  [host.'http://192.168.1.106/v2/registry-0.example']\n    capabilities = ['pull', 'resolve']\n",
  )
  return directoryNode([...tree.entries, ['registry-0.example', directoryNode([['hosts.toml', file]])]])
}

function time(work: () => unknown): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`
}
