import type { Answer, Call, RegistryClient } from '../registry/registry-client.ts'
import { RegistryError } from '../registry/registry-error.ts'

/** Asks what a tag or digest names. An endpoint that allows no HEAD is asked with GET (containerd: resolver.go). */
export async function resolveManifest(
  client: RegistryClient,
  repository: string,
  reference: string,
  call: Call,
): Promise<Answer> {
  try {
    return await client.headManifest(repository, reference, call)
  } catch (error) {
    if (!(error instanceof RegistryError) || error.status !== 405) throw error
    const answer = await client.getManifest(repository, reference, call)
    return { ...answer, exchanges: [...error.exchanges, ...answer.exchanges] }
  }
}
