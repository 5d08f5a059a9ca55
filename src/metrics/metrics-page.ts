import { Registry } from './instruments.ts'

/** The whole of `/metrics`. A part that fails is left out; what is left is still served. */
export async function metricsPage(
  parts: readonly { text(): Promise<string> }[],
  onError: (error: unknown) => void,
): Promise<{ contentType: string; body: string }> {
  const results = await Promise.allSettled(parts.map((part) => part.text()))
  const texts = results.flatMap((result) => {
    if (result.status === 'fulfilled') return [result.value]
    onError(result.reason)
    return []
  })
  return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, body: texts.join('\n') }
}
