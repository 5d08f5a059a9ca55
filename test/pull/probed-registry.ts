import type { Test } from 'tap'
import { buildImage, type OciImage } from '../../src/commands/demo/oci-image.ts'
import { type CredentialsOf, type ProbeOutcome, probeEndpoint } from '../../src/pull/endpoint-probe.ts'
import type { ProbeTarget } from '../../src/pull/probe-target.ts'
import { type DoubleOptions, RegistryDouble } from '../registry/registry-double.ts'

/** A double that has one image, `library/app:v1`. */
export async function probedRegistry(t: Test, options: DoubleOptions = {}): Promise<RegistryDouble> {
  const double = await RegistryDouble.start(options)
  t.teardown(() => double.stop())
  store(double, buildImage('probed'))
  return double
}

export function store({ images }: RegistryDouble, { manifest, config, layer }: OciImage): void {
  images.putManifest('library/app', 'v1', manifest)
  for (const blob of [config, layer]) images.putBlob('library/app', blob.bytes)
}

/** An endpoint as the pull path of a private registry has it. */
export function targetOf(url: string, more: Partial<ProbeTarget> = {}): ProbeTarget {
  const tls = { ca: [], client: null, verify: true }
  return {
    url,
    role: 'origin',
    registries: ['192.168.1.106'],
    endpoint: { url, namespace: null },
    access: () => ({ headers: {}, tls, unread: [] }),
    fallback: null,
    image: { repository: 'library/app', reference: 'v1' },
    connectLimit: null,
    hasNodeCredentials: false,
    isPublic: false,
    ...more,
  }
}

export function probed(target: ProbeTarget, timeout = 5000, credentialsOf?: CredentialsOf): Promise<ProbeOutcome> {
  return probeEndpoint(target, { timeout, signal: new AbortController().signal }, credentialsOf)
}

/** `ping passed, realm skipped, …` */
export function walked({ steps }: ProbeOutcome): string {
  return steps.map((it) => `${it.step} ${it.result}`).join(', ')
}
