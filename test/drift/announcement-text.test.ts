import fc from 'fast-check'
import t from 'tap'
import { announcementText, cut } from '../../src/drift/announcement-text.ts'
import type { Announcement } from '../../src/drift/announcements.ts'
import { REASONS, type Reason } from '../../src/drift/reasons.ts'
import type { Finding } from '../../src/drift/report.ts'
import { finding } from '../render/sample-report.ts'

const announced = (facts: Partial<Finding>, kind: Announcement['kind'] = 'started'): Announcement => {
  return { kind, finding: finding(facts), at: 0, count: 1, first: '' }
}
const bytes = (text: string) => Buffer.byteLength(text)

t.test('what started: what is wrong, why, and the first command', async (t) => {
  t.strictSame(announcementText(announced({})), {
    reason: 'PeerMirrorMissing',
    note:
      '192.168.1.106: No peer is asked for 192.168.1.106. Cause: Talos rewrote the tree. ' +
      'To mend it: kubectl -n kube-system delete pod spegel-x7k2p',
  })
  const unknown = announced({ registry: '', remedy: [], cause: { actor: 'unknown', text: 'x', confidence: 'unknown' } })
  t.equal(announcementText(unknown).note, 'this node: No peer is asked for 192.168.1.106.')
})

t.test('what ended: since when it was', async (t) => {
  t.strictSame(announcementText(announced({}, 'ended')), {
    reason: 'PeerMirrorMissingEnded',
    note: `192.168.1.106: ended, after it began at 2026-09-01T12:03:11Z: ${REASONS['peer-mirror-missing'].title}`,
  })
})

t.test('every reason becomes one that the API server takes', async (t) => {
  for (const reason of Object.keys(REASONS) as Reason[]) {
    for (const kind of ['started', 'ended'] as const) {
      const text = announcementText(announced({ reason }, kind))
      t.match(text.reason, /^[A-Z][A-Za-z]{3,60}$/)
      t.ok(bytes(text.note) <= 1024)
    }
  }
})

t.test('half a command is never told', async (t) => {
  const long = `kubectl ${'x'.repeat(800)}`
  const { note } = announcementText(announced({ remedy: [{ command: long, why: '' }] }))
  t.notMatch(note, 'kubectl')
  t.match(note, /remedy\.$/)
  const fits = `kubectl ${'x'.repeat(700)}`
  const text = announcementText(announced({ summary: 'ä'.repeat(2000), remedy: [{ command: fits, why: '' }] }))
  t.ok(text.note.endsWith(`… To mend it: ${fits}`))
})

t.test('nothing that a terminal acts on, and never too long', async (t) => {
  const texts = fc.string({ maxLength: 2000, unit: fc.constantFrom('a', 'ä', '𝄞', '\n', '\u001b', '\u202e', ' ', '.') })
  fc.assert(
    fc.property(
      texts,
      texts,
      texts,
      fc.constantFrom('started' as const, 'ended' as const),
      (summary, text, command, kind) => {
        const cause = { actor: 'talos', text, confidence: 'likely' } as const
        const { note } = announcementText(announced({ summary, cause, remedy: [{ command, why: '' }] }, kind))
        return bytes(note) <= 1024 && !/[\p{Cc}\u202e]/u.test(note) && note.isWellFormed()
      },
    ),
    { numRuns: 300 },
  )
  t.equal(cut('abcdef', 5), 'ab…')
  t.equal(cut('abcde', 5), 'abcde')
})
