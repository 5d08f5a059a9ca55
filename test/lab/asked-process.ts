import { join } from 'node:path'
import type { Machine, Program } from './machine.ts'

/** What such a process sends: every order is answered once, with its number; 0: it listens. */
export interface Reply {
  number: number
  result?: unknown
}

/** A process of the lab that takes orders over Node's channel. */
export interface AskedProcess<Order extends object> {
  program: Program
  /** Rejects if the process ends first. */
  ask(order: Order): Promise<unknown>
}

/**
 * Starts a file of this directory on a machine, with this as its argument in JSON; resolves when it listens. `name`: what
 * it is called where it ended. `onTold`: for what it sends unasked.
 */
export async function startAsked<Order extends object, Told extends object = never>(
  machine: Machine,
  { file, argument, name }: { file: string; argument: unknown; name: string },
  onTold: (told: Told) => void = () => {},
): Promise<AskedProcess<Order>> {
  const program = machine.start(process.execPath, [join(import.meta.dirname, file), JSON.stringify(argument)], {
    channel: true,
    log: process.stderr.fd,
  })
  const waiting = new Map<number, (result: unknown) => void>()
  program.child.on('message', (received) => {
    const message = received as Reply | Told
    if (!('number' in message)) return onTold(message)
    const { number, result } = message
    waiting.get(number)?.(result)
    waiting.delete(number)
  })
  const reply = (to: number) =>
    new Promise<unknown>((resolve, reject) => {
      waiting.set(to, resolve)
      program.ended.then(() => reject(new Error(`${name} ended`)))
    })
  let number = 0
  await reply(0)
  return {
    program,
    ask(order) {
      number += 1
      program.child.send({ ...order, number })
      return reply(number)
    },
  }
}
