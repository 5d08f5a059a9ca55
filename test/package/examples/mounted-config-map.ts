import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/**
 * Makes a mounted ConfigMap hold these files, as the kubelet does: each is a link through `..data`, which is exchanged as
 * a whole (kubernetes: pkg/volume/util/atomic_writer.go).
 */
export function writeMountedConfigMap(mount: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(mount, { recursive: true })
  const before = readdirSync(mount)
  const version = basename(mkdtempSync(join(mount, '..version-')))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(mount, version, name), text)
  symlinkSync(version, join(mount, '..data_tmp'))
  renameSync(join(mount, '..data_tmp'), join(mount, '..data'))
  for (const name of Object.keys(files)) {
    if (!before.includes(name)) symlinkSync(join('..data', name), join(mount, name))
  }
  for (const name of before) {
    const isOld = name.startsWith('..') ? name !== '..data' : !(name in files)
    if (isOld) rmSync(join(mount, name), { recursive: true })
  }
}
