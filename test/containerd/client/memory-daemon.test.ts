import t from 'tap'
import { clientConformance } from './client-conformance.ts'
import { newImage, originImage } from './images.ts'
import { MemoryDaemon } from './memory-daemon.ts'

let count = 0

clientConformance(t, async () => {
  const daemon = new MemoryDaemon()
  const built = newImage('127.0.0.1:5000/library/app:v1', `twin ${++count}`)
  daemon.origin.set(built.expected.reference, originImage(built))
  return { client: daemon.client(), image: built.expected, absent: '127.0.0.1:5000/library/absent:v1' }
})
