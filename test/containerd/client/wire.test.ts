import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openDaemonClient } from '../../../src/containerd/client/grpc-daemon-client.ts'
import { clientConformance } from './client-conformance.ts'
import { newImage, originImage } from './images.ts'
import { MemoryDaemon } from './memory-daemon.ts'
import { WireDouble } from './wire-double.ts'

const directory = mkdtempSync(join(tmpdir(), 'pullpath-client-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))

let count = 0
const doubles: WireDouble[] = []
t.afterEach(() => {
  for (const double of doubles.splice(0)) double.stop()
})

clientConformance(t, async () => {
  const daemon = new MemoryDaemon()
  const built = newImage('127.0.0.1:5000/library/app:v1', `wire ${++count}`)
  daemon.origin.set(built.expected.reference, originImage(built))
  const double = new WireDouble(daemon, join(directory, `${count}.sock`))
  doubles.push(double)
  await double.start()
  return { client: openDaemonClient(double.socket), image: built.expected, absent: '127.0.0.1:5000/library/absent:v1' }
})
