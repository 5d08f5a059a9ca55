import type { ImageManifest } from '../registry/image-manifest.ts'
import type { Descriptor } from '../registry/manifest.ts'
import type { BlobReading, Call, RegistryClient, Trace } from '../registry/registry-client.ts'
import { RegistryError } from '../registry/registry-error.ts'

/** A blob of at most so many bytes is read whole; of a larger one so many of its first bytes. */
const WHOLE_BYTES = 64 * 1024
const FIRST_BYTES = 4096

/** Ends the reading of a blob that has shown enough. */
class Enough extends Error {}

const NO_TRACE: Trace = { exchanges: [], redirectedTo: [], challenge: null }

/**
 * Reads the smallest blob of an image whole, for its digest; of the largest the beginning, which may lie elsewhere.
 * `mayLeave`: a redirect to another host is followed. `call`: for each. Rejects with a RegistryError.
 */
export async function probeBlobs(
  client: RegistryClient,
  repository: string,
  { config, layers }: ImageManifest,
  { mayLeave, call }: { mayLeave: boolean; call: () => Call },
): Promise<Trace> {
  const blobs = [config, ...layers].toSorted((a, b) => a.size - b.size)
  const [smallest = config] = blobs
  const largest = blobs.at(-1) ?? config
  const first = await probeBlob(client, repository, smallest, { mayLeave, call })
  if (largest.digest === smallest.digest) return first
  const second = await probeBlob(client, repository, largest, { mayLeave, call })
  return {
    ...second,
    exchanges: [...first.exchanges, ...second.exchanges],
    redirectedTo: [...first.redirectedTo, ...second.redirectedTo],
  }
}

async function probeBlob(
  client: RegistryClient,
  repository: string,
  { digest, size }: Descriptor,
  { mayLeave, call }: { mayLeave: boolean; call: () => Call },
): Promise<Trace> {
  const read = async (followRedirects: boolean): Promise<Trace> => {
    let seen = 0
    const reading: BlobReading = {
      ...call(),
      size,
      followRedirects,
      ...(size > WHOLE_BYTES && { range: { first: 0, last: FIRST_BYTES - 1 } }),
      onBytes: (bytes) => {
        seen += bytes.length
        // Whoever ignores the range would send all of it.
        if (seen > WHOLE_BYTES) throw new Enough()
      },
    }
    try {
      return await client.readBlob(repository, digest, reading)
    } catch (error) {
      if (error instanceof Enough) return NO_TRACE
      throw error
    }
  }
  try {
    return await read(mayLeave)
  } catch (error) {
    if (!(error instanceof RegistryError) || error.reason !== 'redirected') throw error
    if (redirectsElsewhere(client, error)) throw error
    return await read(true)
  }
}

/** Whether it was redirected to a host that is not the endpoint's. */
export function redirectsElsewhere(
  { endpoint }: RegistryClient,
  { redirectedTo }: Pick<Trace, 'redirectedTo'>,
): boolean {
  const own = new URL(endpoint).hostname
  return redirectedTo.some((it) => URL.parse(it)?.hostname !== own)
}
