import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NAMES, PORTS } from './site.ts'

/** PEM texts that a hosts tree may hold. */
export interface KeyPairs {
  /** The certificate of the listeners `tls-known`, `tls-own`, and of a client. */
  known: string
  own: string
  client: string
  clientKey: string
}

/** Makes the key pairs of the site, by openssl, as `<name>.crt` and `<name>.key`. They last for a day. */
export function makeKeyPairs(directory: string): KeyPairs {
  const addresses = Object.keys(PORTS).map((it) => `IP:${it}`)
  const names = [...addresses, ...Object.keys(NAMES).map((it) => `DNS:${it}`)].join(',')
  const read = (file: string) => readFileSync(join(directory, file), 'utf8')
  for (const name of ['known', 'own', 'client']) {
    const files = ['-keyout', join(directory, `${name}.key`), '-out', join(directory, `${name}.crt`)]
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
    const subject = ['-subj', `/CN=${name}`, '-addext', `subjectAltName=${names}`]
    execFileSync('openssl', ['req', '-x509', ...key, ...subject, ...files], { stdio: 'pipe' })
  }
  return { known: read('known.crt'), own: read('own.crt'), client: read('client.crt'), clientKey: read('client.key') }
}
