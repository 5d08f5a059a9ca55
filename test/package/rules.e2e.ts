/**
 * The rules by promtool (Debian's package `prometheus`), against the catalogues of metrics and reasons, and docs/alerts.md
 * against the rules. Needs `promtool` in the PATH and no network.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { REASONS } from '../../src/drift/reasons.ts'
import { CATALOGUE, type MetricEntry } from '../../src/metrics/catalogue.ts'
import { groupingsOf, seriesOf } from './rules/series-of.ts'

t.setTimeout(600_000)

const ROOT = join(import.meta.dirname, '..', '..')
const FILE = join(ROOT, 'chart', 'rules', 'pullpath.yaml')
const TESTS = join(import.meta.dirname, 'rules')
const testFiles = readdirSync(TESTS).filter((it) => it.endsWith('.test.yaml'))

interface Rule {
  record?: string
  alert?: string
  expr: string
  for?: string
  keep_firing_for?: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

interface Group {
  rules: Rule[]
}

/** A group of cases in promtool's own form, as far as it is looked at here. */
interface RuleTest {
  promql_expr_test?: unknown
  alert_rule_test: { alertname: string; exp_alerts: unknown[] }[]
}

const { groups }: { groups: Group[] } = parse(readFileSync(FILE, 'utf8'))
const rules = groups.flatMap((it) => it.rules)
const alerts = rules.filter((it): it is Rule & { alert: string } => it.alert !== undefined)
// All scalars as texts: values such as `0x20`, twenty zeros to promtool, are numbers to YAML.
const tests = testFiles.flatMap((file): RuleTest[] => {
  return parse(readFileSync(join(TESTS, file), 'utf8'), { schema: 'failsafe' }).tests
})
const names = [...new Set(alerts.map((it) => it.alert))]
const pages = readFileSync(join(ROOT, 'docs', 'alerts.md'), 'utf8')

function promtool(...args: string[]) {
  return execFileSync('promtool', args, { encoding: 'utf8', cwd: TESTS })
}

t.test('promtool accepts the rules, with every lint', async (t) => {
  t.match(promtool('check', 'rules', '--lint=all', '--lint-fatal', FILE), `SUCCESS: ${rules.length} rules found`)
})

for (const file of testFiles) {
  t.test(`promtool: ${file}`, async (t) => {
    t.notMatch(promtool('test', 'rules', file), 'FAILED')
  })
}

t.test('every alert has a case in which it fires and one in which it is silent', async (t) => {
  const cases = tests.flatMap((it) => it.alert_rule_test)
  for (const name of names) {
    const own = cases.filter((it) => it.alertname === name)
    t.ok(
      own.some((it) => it.exp_alerts.length > 0),
      `${name} fires`,
    )
    t.ok(
      own.some((it) => it.exp_alerts.length === 0),
      `${name} is silent`,
    )
  }
  for (const { alertname } of cases) t.ok(names.includes(alertname), `${alertname} is an alert`)
})

// The cases above hold the rules only if a wrong rule breaks them.
t.test('the cases fail when an alert is missing, waits wrongly, ends at once or is of another severity', async (t) => {
  const changes: [what: string, change: (rule: Rule) => Rule | null][] = [
    ['missing', () => null],
    ['without waiting', ({ for: _, ...rule }) => rule],
    ['after an hour', (rule) => ({ ...rule, for: '1h' })],
    ['of another severity', (rule) => ({ ...rule, labels: { severity: 'unheard-of' } })],
    ['over at once', ({ keep_firing_for: _, ...rule }) => rule],
  ]
  const dir = t.testdir({})
  /** Whether the cases that ask for this alert fail by the changed rules. */
  const isCaught = (name: string, changed: (rule: Rule) => Rule | null) => {
    const rulesOf = ({ rules }: Group) => rules.map(changed).filter((it) => it !== null)
    writeFileSync(join(dir, 'rules.yaml'), stringify({ groups: groups.map((it) => ({ ...it, rules: rulesOf(it) })) }))
    const own = tests
      .filter((it) => it.alert_rule_test.some(({ alertname }) => alertname === name))
      .map(({ promql_expr_test: _, ...test }) => test)
    const file = { rule_files: ['rules.yaml'], evaluation_interval: '1m', tests: own }
    writeFileSync(join(dir, 'test.yaml'), stringify(file))
    return spawnSync('promtool', ['test', 'rules', 'test.yaml'], { cwd: dir }).status !== 0
  }
  for (const name of names)
    t.notOk(
      isCaught(name, (rule) => rule),
      `${name} as it is`,
    )
  for (const [index, alert] of alerts.entries()) {
    for (const [what, change] of changes) {
      if (what === 'without waiting' && alert.for === undefined) continue
      if (what === 'over at once' && alert.keep_firing_for === undefined) continue
      t.ok(
        isCaught(alert.alert, (rule) => (rule === alert ? change(rule) : rule)),
        `${alert.alert} (${index}) ${what}`,
      )
    }
  }
})

t.test('the cases fail when a rule looks at nothing but the last scrape', async (t) => {
  const texts = new Map(testFiles.map((file) => [file, readFileSync(join(TESTS, file), 'utf8')]))
  const dir = t.testdir({})
  for (const [file, text] of texts)
    writeFileSync(join(dir, file), text.replace(/(?<=^rule_files: ).*$/m, '[rules.yaml]'))
  /** Whether the cases of the files that name this rule pass by the changed rules. */
  const arePassed = (name: string, changed: (rule: Rule) => Rule) => {
    const changedGroups = groups.map((it) => ({ ...it, rules: it.rules.map(changed) }))
    writeFileSync(join(dir, 'rules.yaml'), stringify({ groups: changedGroups }))
    const own = testFiles.filter((file) => texts.get(file)?.includes(name))
    return spawnSync('promtool', ['test', 'rules', ...own], { cwd: dir }).status === 0
  }
  t.ok(
    arePassed('', (rule) => rule),
    'as they are',
  )
  for (const [index, { record, alert = record ?? '', expr }] of rules.entries()) {
    const short = expr.replaceAll(/last_over_time\(([^()]*)\[5m\]\)/g, '$1')
    t.notMatch(short, 'last_over_time')
    if (short === expr) continue
    const isPassed = arePassed(alert, (rule) => (rule === rules[index] ? { ...rule, expr: short } : rule))
    t.notOk(isPassed, `${alert} (${index})`)
  }
})

t.test('the cases fail when a count of pulls begins wrongly', async (t) => {
  const changes: [what: string, part: RegExp, instead: string][] = [
    ['the first pull of a series is not counted', /^ *\+ .*$/m, ''],
    ['what was counted before Prometheus was away is counted anew', /clamp_max\((.*), 1\)/, '($1)'],
    ['a series always begins anew', / unless present_over_time\([^)]*\)/, ''],
  ]
  const dir = t.testdir({})
  const text = readFileSync(join(TESTS, 'pulls.test.yaml'), 'utf8')
  writeFileSync(join(dir, 'pulls.test.yaml'), text.replace(/(?<=^rule_files: ).*$/m, '[rules.yaml]'))
  const counts = rules.filter(({ record }) => record?.endsWith(':increase3h'))
  t.not(counts.length, 0)
  for (const rule of counts) {
    for (const [what, part, instead] of changes) {
      const changed = { ...rule, expr: rule.expr.replace(part, instead) }
      t.not(changed.expr, rule.expr, `${rule.record}: ${what}`)
      const rulesOf = ({ rules }: Group) => rules.map((it) => (it === rule ? changed : it))
      writeFileSync(join(dir, 'rules.yaml'), stringify({ groups: groups.map((it) => ({ ...it, rules: rulesOf(it) })) }))
      const { status } = spawnSync('promtool', ['test', 'rules', 'pulls.test.yaml'], { cwd: dir })
      t.not(status, 0, `${rule.record}: ${what}`)
    }
  }
})

// What Prometheus adds to every series: `node` by the chart's relabelling, `pod` by its monitors, `cluster` where somebody
// sets it.
const TARGET_LABELS = ['cluster', 'node', 'pod']

/** The labels of a recording rule's series are its level, as the mixins name them: `level:metric:operations`. */
const levelOf = (record: string) => record.slice(0, record.indexOf(':')).match(/size_class|[a-z]+/g) ?? []

/** What a metric of the catalogue is scraped as. */
function scrapedAs({ name, type, labels }: MetricEntry): [string, readonly string[]][] {
  const all = [...TARGET_LABELS, ...labels]
  if (type !== 'histogram') return [[name, all]]
  return [
    [`${name}_count`, all],
    [`${name}_sum`, all],
    [`${name}_bucket`, [...all, 'le']],
  ]
}

t.test('only metrics that exist are asked for, by labels that they have', async (t) => {
  const known = new Map<string, readonly string[]>([
    ...Object.values(CATALOGUE).flatMap(scrapedAs),
    ...rules.flatMap(({ record }) => (record === undefined ? [] : [[record, levelOf(record)] as const])),
    ['kube_node_info', TARGET_LABELS],
    ['kube_node_status_condition', [...TARGET_LABELS, 'condition', 'status']],
  ])
  for (const { alert, record, expr } of rules) {
    const name = alert ?? record
    const series = seriesOf(expr)
    t.not(series.length, 0, `${name} asks for something`)
    for (const { metric, matchers } of series) {
      t.ok(known.has(metric), `${name}: ${metric}`)
      for (const { label } of matchers) t.ok(known.get(metric)?.includes(label), `${name}: ${metric} has ${label}`)
    }
    // A rule may join metrics that differ in their labels.
    for (const label of groupingsOf(expr)
      .flat()
      .filter((it) => it !== '')) {
      t.ok(
        series.some(({ metric }) => known.get(metric)?.includes(label)),
        `${name}: by ${label}`,
      )
    }
  }
})

t.test('a recording rule is named after the labels that it keeps', async (t) => {
  for (const { record, expr } of rules) {
    if (record !== undefined) t.same(groupingsOf(expr)[0], levelOf(record), record)
  }
})

t.test('an alert names only labels that it has', async (t) => {
  for (const { alert, expr, annotations } of alerts) {
    const kept = groupingsOf(expr)[0] ?? seriesOf(expr).flatMap(({ metric }) => levelOf(metric))
    for (const [, label = ''] of Object.values(annotations)
      .join(' ')
      .matchAll(/\$labels\.(\w+)/g)) {
      t.ok(kept.includes(label), `${alert}: ${label}`)
    }
  }
})

/** An input that is down has an alert by its own name; what no rule finds yet needs none. */
const needsNoAlert = (reason: string) => {
  const page = readFileSync(join(ROOT, 'docs', 'runbooks', `${reason}.md`), 'utf8')
  return reason === 'unreadable' || page.includes('the reason is reserved')
}

t.test('each reason has the severity of the catalogue, and one alert', async (t) => {
  for (const [kind, metric] of [
    ['drift', 'pullpath_drift'],
    ['conflict', 'pullpath_conflict'],
    ['fault', 'pullpath_fault'],
  ] as const) {
    for (const [reason, facts] of Object.entries(REASONS)) {
      if (!(facts.kinds as readonly string[]).includes(kind) || (kind === 'fault' && needsNoAlert(reason))) continue
      const severities = alerts.filter((rule) => asksFor(rule, metric, reason)).map((rule) => rule.labels.severity)
      t.same(severities, [facts.severity], `${kind} ${reason}`)
    }
  }
})

function asksFor(rule: Rule, metric: string, reason: string): boolean {
  return seriesOf(rule.expr).some((series) => {
    const matcher = series.matchers.find((it) => it.label === 'reason')
    if (series.metric !== metric || matcher === undefined) return false
    return new RegExp(`^(?:${matcher.value})$`).test(reason) === matcher.operator.startsWith('=')
  })
}

t.test('annotations: a sentence that is the same for all, a description, and a page that is there', async (t) => {
  const summaries = new Map<string, string>()
  for (const { alert, annotations } of alerts) {
    const { summary = '', description = '', runbook_url: page = '' } = annotations
    t.match(summary, /^[^{}]+\.$/, `${alert}: a sentence without templates`)
    t.equal(summaries.get(alert) ?? summary, summary, `${alert}: one summary`)
    summaries.set(alert, summary)
    t.ok(description.length > summary.length, `${alert}: a description`)
    if (page.startsWith('docs/alerts.md#')) {
      t.equal(page, `docs/alerts.md#${alert.toLowerCase()}`)
      t.ok(pages.includes(`\n## ${alert}\n`), `${alert} has its section`)
    } else if (page.includes('{{')) {
      t.equal(page, 'docs/runbooks/{{ $labels.reason }}.md')
      t.match(rules.find((it) => it.alert === alert)?.expr, /by \([^)]*\breason\b/, `${alert} knows its reason`)
    } else {
      t.ok(existsSync(join(ROOT, page)), `${alert}: ${page}`)
    }
  }
})

t.test('docs/alerts.md lists every alert with its time and severities', async (t) => {
  const rows = [...pages.matchAll(/^\| \[?(Pullpath\w+)\]?\S* \| .+ \| (.+) \| (.+) \|$/gm)].map((it) => it.slice(1))
  const expected = names.map((name) => {
    const own = alerts.filter((it) => it.alert === name)
    return [name, own[0]?.for ?? 'at once', own.map((it) => it.labels.severity).join(', ')]
  })
  t.same(rows, expected)
})
