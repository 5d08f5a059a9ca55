import type { Comparison } from './daemon-under-test.ts'
import type { PullCase } from './pull-case.ts'

/** A mismatch for a person: the trees, the image, the plan, what was expected and what was seen; then the case itself. */
export function failureReport(pull: PullCase, { predicted, seen, message }: Comparison): string {
  const { settings, files, image, credentials, plan } = pull
  const trees = Object.entries(files).map(([path, entry]) => {
    return `--- ${path}\n${typeof entry === 'string' ? entry : JSON.stringify(entry)}`
  })
  return [
    `image: ${image}${credentials ? ' with credentials' : ''}, settings: ${JSON.stringify(settings)}`,
    ...trees,
    `--- plan\n${JSON.stringify(plan)}`,
    `--- predicted: ${predicted.outcome}`,
    ...predicted.requests,
    `--- seen: ${seen.outcome}${message === '' ? '' : ` (${message})`}`,
    ...seen.requests,
    `--- as a fixture\n${JSON.stringify(pull)}`,
  ].join('\n')
}
