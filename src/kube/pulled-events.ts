import { type KubeApi, KubeError } from './kube-api.ts'
import { listAt, textAt } from './kube-fields.ts'

interface PulledEvent {
  message: string
  fieldPath: string
  at: number | null
}

/**
 * Asks for the kubelet's events `Pulled` of one pod at a time: by field selector, so that the API server sends those of
 * this pod alone, however many events there are in the cluster. One request each, of core/v1 (the selector by UID is not
 * known to events.k8s.io/v1 under that name).
 */
export function pulledEvents(api: Pick<KubeApi, 'get'>) {
  return {
    async of(
      { namespace, uid }: { namespace: string; uid: string },
      signal: AbortSignal,
    ): Promise<{ events: readonly PulledEvent[]; failure: string | null }> {
      const fieldSelector = `involvedObject.uid=${uid},reason=Pulled`
      try {
        const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/events`
        const list = await api.get(path, { fieldSelector }, signal)
        return { events: listAt(list, 'items').flatMap(eventOf), failure: null }
      } catch (error) {
        if (!(error instanceof KubeError)) throw error
        return { events: [], failure: error.failure.message }
      }
    },
  }
}

/** The newest of its times: one event stands for many, and then only the last of them counts. */
function eventOf(item: unknown): PulledEvent[] {
  const message = textAt(item, 'message')
  if (message === null || textAt(item, 'reason') !== 'Pulled') return []
  const times = [['lastTimestamp'], ['eventTime'], ['series', 'lastObservedTime']].flatMap((path) => {
    const at = Date.parse(textAt(item, ...path) ?? '')
    return Number.isNaN(at) ? [] : [at]
  })
  const fieldPath = textAt(item, 'involvedObject', 'fieldPath') ?? ''
  return [{ message, fieldPath, at: times.length === 0 ? null : Math.max(...times) }]
}
