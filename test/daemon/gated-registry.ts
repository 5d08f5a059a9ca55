import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { commandInside } from './command-inside.ts'
import type { GatedEntry, GatedMessage, GatedOrder } from './gated-registry-process.ts'
import type { TestImage } from './image.ts'
import type { Network } from './network.ts'

/** See gated-registry-process.ts. */
export interface GatedRegistry {
  port: number
  /** `onAsked`: hears of each object that is asked for, as it is. */
  begin(image: TestImage, onAsked: (object: string) => void): Promise<void>
  release(objects: readonly string[]): void
  /** All that was answered since `begin`, in the order in which it was asked. */
  log(): Promise<GatedEntry[]>
  stop(): Promise<void>
}

/** Resolves when it listens at `address`. `network`: the one that it is in; null: this process's own. */
export async function startGatedRegistry(
  network: Pick<Network, 'pid'> | null,
  address: string,
  port = 0,
): Promise<GatedRegistry> {
  const own = [join(import.meta.dirname, 'gated-registry-process.ts'), address, `${port}`]
  const [program, ...args] =
    network === null ? [process.execPath, ...own] : commandInside(network.pid, process.execPath, own)
  // The runner's loaders are not for the child.
  const env = { PATH: process.env.PATH, NODE_OPTIONS: '' }
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env })
  const ended = once(child, 'exit')
  let heard: (object: string) => void = () => {}
  child.on('message', (message: GatedMessage) => {
    if (message.told === 'asked') heard(message.object)
  })
  const told = <T extends GatedMessage['told']>(what: T) =>
    new Promise<GatedMessage & { told: T }>((resolve, reject) => {
      const onExit = (code: number | null) => reject(new Error(`the gated registry ended with ${code}`))
      const onMessage = (message: GatedMessage) => {
        if (message.told !== what) return
        child.off('message', onMessage).off('exit', onExit)
        resolve(message as GatedMessage & { told: T })
      }
      child.on('message', onMessage).once('exit', onExit)
    })
  const send = (order: GatedOrder) => void child.send(order)
  const ready = await told('ready')
  return {
    port: ready.port,
    async begin(image, onAsked) {
      heard = onAsked
      send({ order: 'begin', image })
      await told('begun')
    },
    release: (objects) => send({ order: 'release', objects }),
    async log() {
      send({ order: 'end' })
      return (await told('log')).entries.sort((a, b) => a.askedAt - b.askedAt)
    },
    async stop() {
      child.disconnect()
      await ended
    },
  }
}
