/**
 * The recording registry as a process of its own, since it lives in the network namespace of the daemon.
 * Arguments: the directory with the key pairs. Speaks with its parent over Node's channel, and ends with it.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Recorded, RecordingRegistry, type RegistryCase } from './registry.ts'

export type RegistryOrder = { order: 'begin'; next: RegistryCase } | { order: 'end' }
export type RegistryReply = { reply: 'listening' } | { reply: 'begun' } | { reply: 'ended'; recorded: Recorded[] }

const directory = process.argv[2] ?? ''
const pair = (name: string) => ({
  cert: readFileSync(join(directory, `${name}.crt`), 'utf8'),
  key: readFileSync(join(directory, `${name}.key`), 'utf8'),
})
const reply = (message: RegistryReply) => process.send?.(message)

const registry = new RecordingRegistry(pair('known'), pair('own'))
process.on('message', async (message: RegistryOrder) => {
  if (message.order === 'begin') {
    registry.begin(message.next)
    reply({ reply: 'begun' })
  } else reply({ reply: 'ended', recorded: await registry.end() })
})
process.on('disconnect', () => process.exit())
await registry.listen()
reply({ reply: 'listening' })
