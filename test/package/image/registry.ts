import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Daemon, startDaemon } from './program.ts'

/** Starts Debian's `docker-registry` as the plain-HTTP registry at this address; its blobs are in the directory. */
export async function startRegistry(directory: string, address: string): Promise<Daemon> {
  const config = join(directory, 'registry.yaml')
  writeFileSync(
    config,
    `version: 0.1
log: { level: info, formatter: text }
storage: { filesystem: { rootdirectory: ${join(directory, 'registry')} } }
http: { addr: '${address}:80' }
`,
  )
  const daemon = startDaemon('docker-registry', ['serve', config])
  await daemon.said('listening on')
  return daemon
}

/** What an image weighs on the way: bytes of its layers, compressed. */
export async function layerSizes(address: string, repository: string, tag: string): Promise<number[]> {
  const headers = {
    accept: 'application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json',
  }
  const response = await fetch(`http://${address}/v2/${repository}/manifests/${tag}`, { headers })
  const { layers } = (await response.json()) as { layers: { size: number }[] }
  return layers.map(({ size }) => size)
}
