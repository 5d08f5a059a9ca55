import { readFileSync } from 'node:fs'
import type { KeyPairs } from './key-pairs.ts'

const pem = (name: string) => readFileSync(new URL(`../fixtures/containerd/${name}`, import.meta.url), 'utf8')

/** For predictions without a daemon: no certificate here is any listener's. */
export const KEY_PAIRS: KeyPairs = {
  known: pem('one.crt'),
  own: pem('two.crt'),
  client: pem('one.crt'),
  clientKey: pem('one.key'),
}
