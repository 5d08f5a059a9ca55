/** Where the kubelet's events `Pulled` are asked for. Whatever goes wrong is a part of the answer. */
export interface PulledEvents {
  /** Of one pod, with one request. */
  of(pod: { namespace: string; uid: string }, signal: AbortSignal): Promise<PulledEventsAnswer>
}

export interface PulledEventsAnswer {
  events: readonly PulledEvent[]
  /** One sentence; null: they were told. */
  failure: string | null
}

export interface PulledEvent {
  message: string
  /** `spec.containers{app}`, `spec.initContainers{setup}`. */
  fieldPath: string
  /** When it happened last, in milliseconds since the epoch, to the second; null: not said. */
  at: number | null
}
