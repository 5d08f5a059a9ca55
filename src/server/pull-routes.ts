import type { FastifyInstance } from 'fastify'
import type { PullMethod, PullSource, PullVia } from '../drift/pull.ts'
import { PullpathError } from '../errors.ts'
import type { AgentState } from './agent-state.ts'
import { showsToken } from './bearer-token.ts'

/** A measurement is started so long after the one before it at the earliest. Milliseconds. */
export const LEAST_PAUSE = 10_000

const PULLS = '/api/v1/pulls'
const SOURCES: readonly PullSource[] = ['first', 'peer', 'fallback', 'mixed', 'local', 'unknown']
const METHODS: readonly PullMethod[] = ['probe', 'containerd', 'observed']
const VIAS: readonly PullVia[] = ['origin', 'peer', 'path', 'containerd']
const error = { $ref: 'Error#' } as const

/** The measured pulls; with a token one is started. */
export function addPulls(app: FastifyInstance, state: AgentState): void {
  app.get<{ Querystring: { source?: PullSource; method?: PullMethod; limit?: string } }>(
    PULLS,
    {
      schema: {
        summary: 'measured pulls, newest first',
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: {
            source: { type: 'string', enum: SOURCES },
            method: { type: 'string', enum: METHODS },
            limit: { type: 'string', pattern: '^[1-9][0-9]{0,3}$', description: 'a whole number from 1 to 9999' },
          },
        },
        response: { 200: { type: 'array', items: { $ref: 'Pull#' } }, 400: error },
      },
    },
    ({ query: { limit, ...choice } }) =>
      state.pulls({ ...choice, ...(limit === undefined ? {} : { limit: Number(limit) }) }),
  )

  app.get<{ Params: { id: string } }>(
    `${PULLS}/:id`,
    {
      schema: {
        summary: 'one measured pull; 202 while it is being measured',
        params: { type: 'object', properties: { id: { type: 'string' } } },
        response: { 200: { $ref: 'Pull#' }, 202: { $ref: 'StartedPull#' }, 404: error },
      },
    },
    ({ params: { id } }, reply) => {
      const found = state.pull(id)
      if (found !== null) return reply.send(found)
      if (state.isMeasuring(id)) return reply.code(202).send({ id })
      throw new PullpathError('PP_NOT_FOUND', 'no pull of that id is known', {
        advice: 'the oldest ones are forgotten, and all of them when the agent ends',
      })
    },
  )

  app.post<{ Body: { via?: PullVia } | null }>(
    PULLS,
    {
      // Before a body is read.
      onRequest: async (request, reply) => {
        const token = state.token()
        if (token === null) {
          throw new PullpathError('PP_FORBIDDEN', 'nobody may start a measurement here', {
            advice: 'set http.tokenFile',
          })
        }
        if (showsToken(request.headers.authorization, token)) return
        reply.header('www-authenticate', 'Bearer')
        throw new PullpathError('PP_UNAUTHORIZED', 'this needs the bearer token of http.tokenFile', {
          advice: 'send it in the header Authorization: Bearer TOKEN',
        })
      },
      schema: {
        summary: 'starts a measurement of the configured canary; needs the bearer token',
        body: {
          type: 'object',
          additionalProperties: false,
          properties: { via: { type: 'string', enum: VIAS } },
        },
        response: {
          202: { $ref: 'StartedPull#' },
          400: error,
          401: error,
          403: error,
          409: error,
          429: error,
          503: error,
        },
      },
    },
    ({ body }, reply) => {
      const via = body?.via
      if (via === undefined) {
        throw new PullpathError('PP_REQUEST_INVALID', 'via is not given', {
          advice: `send JSON such as {"via": "path"}; allowed: ${VIAS.join(', ')}`,
        })
      }
      return reply.code(202).send(state.measure(via))
    },
  )
}
