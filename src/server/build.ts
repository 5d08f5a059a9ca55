import swagger from '@fastify/swagger'
import { type FastifyError, type FastifyInstance, type FastifyReply, fastify } from 'fastify'
import { type ErrorCode, PullpathError } from '../errors.ts'
import type { AgentState } from './agent-state.ts'
import { refuseMalformed } from './malformed-request.ts'
import { LEAST_PAUSE } from './pull-routes.ts'
import { compilers } from './request-check.ts'
import { addRoutes, ROUTES } from './routes.ts'
import { SCHEMAS } from './schemas.ts'

/** What a server is built with besides the state that it shows. */
export interface ServerOptions {
  version: string
  /** Hears of answers with status 500: faults of Pullpath itself. */
  onError(error: Error): void
}

/** Requests carry nothing but a path and a few headers. */
const MAX_BODY_BYTES = 16 * 1024
const MAX_HEADER_BYTES = 16 * 1024
const REQUEST_TIMEOUT_MS = 10_000
/** 253 letters of a host name, a port, and every character percent-encoded. */
const MAX_PARAM_LENGTH = 1024

/** The agent's HTTP server, which does not listen yet: `inject` works, `listen` is the caller's. */
export function build(state: AgentState, options: ServerOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: 6 * REQUEST_TIMEOUT_MS,
    http: { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: REQUEST_TIMEOUT_MS },
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    schemaController: { compilersFactory: compilers },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    clientErrorHandler: refuseMalformed,
    // Before any hook.
    frameworkErrors: (error, _request, reply) => {
      const lines = reply
        .type('application/json; charset=utf-8')
        .serializer((it: unknown) => asLine(JSON.stringify(it)))
      return sendError(lines, error.statusCode ?? 400, error)
    },
  })
  for (const schema of SCHEMAS) app.addSchema(schema)
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Pullpath', description: 'What containerd on this node pulls from.', version: options.version },
    },
    refResolver: { buildLocalReference: (json) => String(json.$id) },
  })
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff').header('cache-control', 'no-store')
  })
  // Fastify counts the length after this.
  app.addHook('onSend', async (_request, reply, payload) => {
    const isJson = String(reply.getHeader('content-type')).startsWith('application/json')
    return isJson && typeof payload === 'string' ? asLine(payload) : payload
  })
  app.register(async (scope) => {
    addRoutes(scope, state)
    refuseOtherMethods(scope)
  })
  app.setNotFoundHandler((request, reply) => {
    if (!app.supportedMethods.includes(request.method)) return refuseMethod(reply)
    const routes = Object.keys(ROUTES).join(', ')
    const error = new PullpathError('PP_NOT_FOUND', 'nothing is served here', { advice: `served: ${routes}` })
    return sendError(reply, 404, error)
  })
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const status = statusOf(error)
    if (status >= 500 && status !== 503) options.onError(error)
    return sendError(reply, status, error)
  })
  return app
}

/** Whatever a terminal writes after an answer begins on a line of its own. */
function asLine(json: string): string {
  return `${json}\n`
}

function refuseOtherMethods(app: FastifyInstance): void {
  for (const url of Object.keys(ROUTES)) {
    app.route({
      method: app.supportedMethods.filter((method) => !methodsOf(url).includes(method)),
      url,
      schema: { hide: true },
      // Before a body is read.
      onRequest: async (_request, reply) => refuseMethod(reply, methodsOf(url)),
      handler: () => undefined,
    })
  }
}

function methodsOf(url: string): readonly string[] {
  return url === '/api/v1/pulls' ? ['GET', 'HEAD', 'POST'] : ['GET', 'HEAD']
}

function refuseMethod(reply: FastifyReply, methods: readonly string[] = ['GET', 'HEAD']): FastifyReply {
  const error = new PullpathError('PP_REQUEST_INVALID', 'this method is not served here', { advice: 'use GET' })
  return sendError(reply.header('allow', methods.join(', ')), 405, error)
}

const STATUSES: Partial<Record<ErrorCode, number>> = {
  PP_NOT_READY: 503,
  // Of the token: the asker can do nothing about it.
  PP_FILE_UNREADABLE: 503,
  PP_NOT_FOUND: 404,
  PP_UNAUTHORIZED: 401,
  PP_FORBIDDEN: 403,
  PP_MEASUREMENT_BUSY: 409,
  PP_MEASUREMENT_LIMITED: 429,
}

function statusOf(error: FastifyError | PullpathError): number {
  if (!(error instanceof PullpathError)) return error.statusCode ?? 500
  return STATUSES[error.code] ?? 400
}

function sendError(reply: FastifyReply, status: number, error: FastifyError | PullpathError): FastifyReply {
  if (status === 503) reply.header('retry-after', '1')
  if (status === 429) reply.header('retry-after', `${LEAST_PAUSE / 1000}`)
  if (error instanceof PullpathError) {
    const { code, message, advice } = error
    return reply.code(status).send({ code, message, advice })
  }
  if (status >= 500) {
    const failure = new PullpathError('PP_INTERNAL', 'Pullpath failed to answer', { advice: 'see its log' })
    return sendError(reply, status, failure)
  }
  // A message may quote the whole path.
  const message = error.message.length > 200 ? `${error.message.slice(0, 199)}…` : error.message
  const advice =
    status === 415
      ? 'send JSON, with the header content-type: application/json'
      : 'the routes and their parameters are at /openapi.json'
  return sendError(reply, status, new PullpathError('PP_REQUEST_INVALID', message, { advice }))
}
