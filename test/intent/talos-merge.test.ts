import { readFileSync } from 'node:fs'
import t from 'tap'
import { PullpathError } from '../../src/errors.ts'
import { mergeTalosFiles, type TalosDocuments } from '../../src/intent/talos-documents.ts'
import { listField, mapField, scalarText } from '../../src/intent/talos-fields.ts'
import { readTalosIntent } from '../../src/intent/talos-intent.ts'
import { parseVersion } from '../../src/version.ts'

interface Case {
  name: string
  /** The configuration first, then the patches. */
  files: string[]
  /** The release that was asked; 1.13.9 where none stands. */
  version?: string
  refused?: boolean
  mirrors?: object
  tls?: { [host: string]: { ca: string; insecureSkipVerify: boolean; client: boolean } }
  auths?: string[]
  /** The content of the customization part. */
  part?: string
}

// What Talos' own configpatcher (pkg/machinery v1.13.9, and v1.14.1 where a case says so) answered for these files.
const url = new URL('../fixtures/talos-merge/cases.json', import.meta.url)
const cases: Case[] = JSON.parse(readFileSync(url, 'utf8'))

for (const it of cases) {
  t.test(`as Talos merges: ${it.name}`, async (t) => {
    const version = parseVersion(it.version ?? '1.13.9')
    if (version === null) throw new TypeError(it.version)
    const files = it.files.map((text, index) => ({ path: `${index}.yaml`, text }))
    const read = () => readTalosIntent(files, { version })
    if (it.refused === true) {
      t.ok(isRefused(read), 'Talos refuses it')
      return
    }
    const { intent, problems } = read()
    const mirrors = [...intent.mirrors.values()].map(({ registry, endpoints, skipFallback }) => [
      registry,
      { endpoints: endpoints.map(({ url, overridePath }) => ({ url, overridePath })), skipFallback },
    ])
    const tls = [...intent.tls.values()].map(({ host, ca, clientCertificate, insecureSkipVerify }) => [
      host,
      { ca: ca ?? '', client: clientCertificate !== null, insecureSkipVerify },
    ])
    t.strictSame(Object.fromEntries(mirrors), it.mirrors)
    t.strictSame(Object.fromEntries(tls), it.tls ?? {})
    t.strictSame([...intent.authHosts].sort(), it.auths ?? [])
    t.equal(customization(mergeTalosFiles(files, version)), it.part)
    t.notOk(problems.some((problem) => problem.code === 'TALOS_KEY_UNKNOWN'))
  })
}

function customization({ legacy }: TalosDocuments): string | undefined {
  const files = listField(mapField(legacy, 'machine'), 'files') ?? []
  const part = files.find((it) => it.kind === 'map' && scalarText(it, 'path').endsWith('20-customization.part'))
  return part?.kind === 'map' ? scalarText(part, 'content') : undefined
}

function isRefused(read: () => ReturnType<typeof readTalosIntent>): boolean {
  try {
    return read().problems.some((problem) => problem.code === 'TALOS_KEY_UNKNOWN')
  } catch (error) {
    return error instanceof PullpathError && error.code === 'PP_INTENT_INVALID' && error.position !== null
  }
}
