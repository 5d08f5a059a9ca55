/** Why an input is down. */
export interface InputFailure {
  /** `unreadable`: missing, forbidden, too large. `invalid`: read, and not what its reader accepts. */
  reason: 'unreadable' | 'invalid'
  message: string
}

export const INPUT_FAILURE_REASONS: readonly InputFailure['reason'][] = ['unreadable', 'invalid']
