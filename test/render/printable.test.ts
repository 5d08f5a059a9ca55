import t from 'tap'
import { renderExpectedFiles } from '../../src/render/expected-files.ts'
import { renderFinding } from '../../src/render/finding-text.ts'
import { renderPathDrawing } from '../../src/render/path-drawing.ts'
import { renderReportText } from '../../src/render/report-text.ts'
import { endpoint, finding, registry, report } from './sample-report.ts'

const PLAIN = { colour: false, width: 100 }
const ESCAPE = '\u001b'
/** A directory name that would clear the screen, end the line and say that all is well; C1 does the same in one character. */
const NAME = `evil${ESCAPE}[2J\ncontainerd does what Git declares.\u009b31m\u202e`
const WRITTEN = String.raw`evil\u001b[2J\u000acontainerd does what Git declares.\u009b31m\u202e`

t.test('a name from the disk or from Git cannot speak to the terminal', async (t) => {
  const texts = {
    table: renderReportText(report({ registries: [registry(NAME, { declaredBy: [] })] }), PLAIN),
    heading: renderReportText(report({ node: { name: NAME, ip: '192.168.1.98' } }), PLAIN),
    note: renderReportText(report({ notes: [NAME] }), PLAIN),
    finding: renderFinding(finding({ registry: NAME, evidence: [{ text: NAME, source: NAME, time: null }] }), PLAIN),
    explain: renderPathDrawing(
      {
        image: 'a.example/b:c',
        registry: 'a.example',
        containerd: { version: '2.2.7', pullMode: 'local' },
        directory: `/hosts/${NAME}`,
        endpoints: [endpoint(`http://${NAME}/v2`)],
        resolveRequests: [],
        fetchRequests: [],
        notes: [{ code: 'FILE_IGNORED', message: NAME }],
        error: null,
        witness: null,
      },
      { path: `/hosts/${NAME}/hosts.toml`, writer: 'unknown' },
      { assumed: [NAME], notes: [NAME] },
      PLAIN,
    ),
    expect: renderExpectedFiles(
      [{ path: `${NAME}/hosts.toml`, writer: 'talos', content: `a = 1\n# ${ESCAPE}[2J\n` }],
      PLAIN,
    ),
  }
  for (const [where, text] of Object.entries(texts)) {
    t.notMatch(text, /[^\P{Cc}\n]/u, where)
    t.match(text.replace(/\n\s*/g, ' '), WRITTEN, where)
    t.notMatch(text, /^containerd does what Git declares\.\\u009b/m, where)
  }
})

t.test('a command of several lines keeps them', async (t) => {
  const text = renderFinding(finding({ remedy: [{ command: `first\n${ESCAPE}second`, why: '' }] }), PLAIN)
  t.match(text, /first\n +\\u001bsecond/)
})
