import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { REASONS } from '../src/drift/reasons.ts'

const RUNBOOKS = join(import.meta.dirname, '..', 'docs', 'runbooks')
const pages = readdirSync(RUNBOOKS).filter((it) => it !== 'README.md')

t.test('every reason has a page, and every page a reason', async (t) => {
  t.same(
    pages.sort(),
    Object.keys(REASONS)
      .map((it) => `${it}.md`)
      .sort(),
  )
})

for (const [reason, { kinds, levels, severity }] of Object.entries(REASONS)) {
  t.test(`${reason}: meaning, how to see it, how to mend it, how to prevent it`, async (t) => {
    const text = readFileSync(join(RUNBOOKS, `${reason}.md`), 'utf8')
    t.ok(text.startsWith(`# ${reason}\n`))
    const of = levels.map((level) => (level === 'registry' ? 'a registry' : 'the node')).join(' or ')
    t.match(text, `| ${[...kinds].join(', ')} | ${of} | ${severity} |`)
    const headings = [...text.matchAll(/^## (.+)$/gm)].map((it) => it[1])
    t.same(headings, ['What it means', 'See it by hand', 'Mend it', 'Prevent it'])
    t.match(text, /```sh\n/, 'a command to run')
  })
}

const RULES = join(import.meta.dirname, '..', 'src', 'drift')
const rules = readdirSync(RULES)
  .filter((it) => it !== 'reasons.ts')
  .map((it) => readFileSync(join(RULES, it), 'utf8'))
  .join('')

t.test('a page says that its reason is reserved exactly where no rule gives it', async (t) => {
  for (const reason of Object.keys(REASONS)) {
    const isSaid = readFileSync(join(RUNBOOKS, `${reason}.md`), 'utf8').includes('the reason is reserved')
    t.equal(isSaid, !rules.includes(`'${reason}'`), reason)
  }
})

t.test('links between the pages, and out of them, lead to files', async (t) => {
  for (const page of readdirSync(RUNBOOKS)) {
    for (const [, target = ''] of readFileSync(join(RUNBOOKS, page), 'utf8').matchAll(/\]\(([^)#]+)/g)) {
      t.doesNotThrow(() => readFileSync(join(RUNBOOKS, target)), `${page}: ${target}`)
    }
  }
})
