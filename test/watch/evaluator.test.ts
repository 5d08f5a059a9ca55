import t from 'tap'
import { directoryNode } from '../../src/hosts/tree.ts'
import type { InputFailure } from '../../src/input-failure.ts'
import { Evaluator } from '../../src/watch/evaluator.ts'
import type { Inputs } from '../../src/watch/inputs.ts'
import { daemonFacts, intentOf, nodeFacts, observing, talosIntent } from '../fixtures/intents.ts'

const down = (reason: InputFailure['reason'], message: string): InputFailure => ({ reason, message })

/** A node whose API server is as given; null: it answers. */
function inputsOf(failure: InputFailure | null): Inputs {
  const inputs = [{ input: 'kube' as const, up: failure === null, message: failure?.message ?? '' }]
  return {
    intent: intentOf(talosIntent([]), null),
    observed: observing(directoryNode([])),
    daemon: daemonFacts(),
    node: nodeFacts({ inputs }),
    failures: new Map(failure === null ? [] : [['kube', failure]]),
  }
}

t.test('an input that is down is a change once for each reason, whatever its words', (t) => {
  const evaluator = new Evaluator()
  const changes = [
    null,
    down('unreachable', 'ECONNREFUSED; what is known is of 12:00'),
    down('unreachable', 'ECONNREFUSED; what is known is of 12:01'),
    down('refused', 'forbidden; what is known is of 12:01'),
    down('refused', 'forbidden; what is known is of 12:02'),
    down('unreachable', 'ECONNREFUSED; what is known is of 12:02'),
    null,
    null,
    down('unreachable', 'ECONNREFUSED; what is known is of 12:02'),
  ].map((failure) => evaluator.run(inputsOf(failure)).inputs.map(({ message }) => message.slice(0, 9)))
  t.same(changes, [[], ['ECONNREFU'], [], ['forbidden'], [], ['ECONNREFU'], [''], [], ['ECONNREFU']])
  t.end()
})
