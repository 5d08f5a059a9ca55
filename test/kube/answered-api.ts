import type { KubeApi, KubeError, KubeFailure, KubeObject } from '../../src/kube/kube-api.ts'
import { Told } from '../watch/watched-node.ts'

export interface Answer {
  /** `create /apis/…`. */
  what: string
  /** null: it was done. */
  failure: KubeFailure | null
}

/** An API whose answers can be waited for: whoever asked has taken them in by then. */
export function answeredApi(api: KubeApi): { api: KubeApi; answers: Told<Answer> } {
  const answers = new Told<Answer>()
  const heard = (what: string, answer: Promise<KubeObject>): Promise<KubeObject> => {
    const tell = (failure: KubeFailure | null) => setImmediate(() => answers.push({ what, failure }))
    answer.then(
      () => tell(null),
      (error: KubeError) => tell(error.failure),
    )
    return answer
  }
  return {
    answers,
    api: {
      get: (path, query, signal) => heard(`get ${path}`, api.get(path, query, signal)),
      create: (path, body, signal) => heard(`create ${path}`, api.create(path, body, signal)),
      patch: (path, kind, body, signal) => heard(`patch ${path}`, api.patch(path, kind, body, signal)),
      follow: (path, selector, listener) => api.follow(path, selector, listener),
    },
  }
}
