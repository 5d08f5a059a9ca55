/** Why an input is down. */
export interface InputFailure {
  reason: (typeof INPUT_FAILURE_REASONS)[number]
  message: string
}

/**
 * `unreadable`: a file that is missing, forbidden, too large. `invalid`: read, and not what its reader accepts. Of what
 * is asked over a socket: `unreachable`: nobody is there. `silent`: no answer in time. `protocol`: an answer that is
 * none. `refused`: an error for an answer.
 */
export const INPUT_FAILURE_REASONS = ['unreadable', 'invalid', 'unreachable', 'silent', 'protocol', 'refused'] as const
