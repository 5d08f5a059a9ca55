import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { REASONS, type Reason } from '../drift/reasons.ts'
import type { NodeReport, RegistryReport } from '../drift/report.ts'
import { PullpathError } from '../errors.ts'
import { renderReportText } from '../render/report-text.ts'
import type { AgentState } from './agent-state.ts'
import { addPulls } from './pull-routes.ts'
import { reportPage } from './report-page.ts'

/** Every path that is served, with what a person finds there; a 404 lists them. */
export const ROUTES = {
  '/': "this node's report for a person",
  '/metrics': 'Prometheus text',
  '/livez': 'whether the process works',
  '/healthz': 'the same as /livez',
  '/readyz': 'whether the first evaluation is done; ?verbose lists the inputs',
  '/api/v1/report': 'the whole report',
  '/api/v1/findings': 'findings; ?registry= and ?reason= choose',
  '/api/v1/registries': 'declared, expected and observed pull path of each registry',
  '/api/v1/registries/:registry': 'those of one registry',
  '/api/v1/explain': 'what containerd does for ?image=',
  '/api/v1/pulls': 'measured pulls, newest first; ?source=, ?method= and ?limit= choose; POST starts one',
  '/api/v1/pulls/:id': 'one of them',
  '/openapi.json': 'these routes and their answers, as OpenAPI',
} as const

const PLAIN = 'text/plain; charset=utf-8'
/** Wide enough for URLs; a terminal that is narrower wraps. */
const TEXT_WIDTH = 100

const notReady = { 503: { $ref: 'Error#' } } as const
const image = { type: 'string', minLength: 1, maxLength: 1024 } as const

/** Puts the routes of an agent on a server. */
export function addRoutes(app: FastifyInstance, state: AgentState): void {
  addPage(app, state)
  addHealth(app, state)
  addReport(app, state)
  addRegistries(app, state)
  addPulls(app, state)
  app.get('/metrics', { schema: { summary: ROUTES['/metrics'], produces: [PLAIN] } }, async (_request, reply) => {
    const { contentType, body } = await state.metrics()
    return reply.type(contentType).send(body)
  })
  app.get('/openapi.json', { schema: { summary: ROUTES['/openapi.json'] } }, () => app.swagger())
}

function addPage(app: FastifyInstance, state: AgentState): void {
  app.get('/', { schema: { summary: ROUTES['/'], produces: [PLAIN, 'text/html'] } }, (request, reply) => {
    const report = reportOf(state)
    reply.header('vary', 'accept')
    if (!wantsPage(request))
      return reply.type(PLAIN).send(renderReportText(report, { colour: false, width: TEXT_WIDTH }))
    return sendPage(reply, report)
  })
}

function addHealth(app: FastifyInstance, state: AgentState): void {
  for (const path of ['/livez', '/healthz'] as const) {
    app.get(path, { schema: { summary: ROUTES[path], produces: [PLAIN] } }, (_request, reply) => {
      return reply.type(PLAIN).send('ok\n')
    })
  }

  app.get<{ Querystring: { verbose?: string } }>(
    '/readyz',
    {
      schema: {
        summary: ROUTES['/readyz'],
        produces: [PLAIN],
        querystring: { type: 'object', properties: { verbose: { type: 'string' } } },
      },
    },
    (request, reply) => {
      const report = state.report()
      const isReady = report !== null && !state.stopping()
      reply.code(isReady ? 200 : 503).type(PLAIN)
      if (request.query.verbose === undefined) return reply.send(isReady ? 'ok\n' : 'not ready\n')
      return reply.send(readiness(report, state.stopping()))
    },
  )
}

function addReport(app: FastifyInstance, state: AgentState): void {
  app.get(
    '/api/v1/report',
    { schema: { summary: ROUTES['/api/v1/report'], response: { 200: { $ref: 'NodeReport#' }, ...notReady } } },
    () => reportOf(state),
  )

  app.get<{ Querystring: { registry?: string; reason?: Reason } }>(
    '/api/v1/findings',
    {
      schema: {
        summary: ROUTES['/api/v1/findings'],
        querystring: {
          type: 'object',
          additionalProperties: false,
          properties: {
            registry: { type: 'string', maxLength: 512 },
            reason: { type: 'string', enum: Object.keys(REASONS) },
          },
        },
        response: { 200: { type: 'array', items: { $ref: 'Finding#' } }, 400: { $ref: 'Error#' }, ...notReady },
      },
    },
    (request) => {
      const { registry, reason } = request.query
      return reportOf(state).findings.filter((finding) => {
        return (registry ?? finding.registry) === finding.registry && (reason ?? finding.reason) === finding.reason
      })
    },
  )

  app.get<{ Querystring: { image: string } }>(
    '/api/v1/explain',
    {
      schema: {
        summary: ROUTES['/api/v1/explain'],
        querystring: { type: 'object', required: ['image'], additionalProperties: false, properties: { image } },
        response: { 200: { $ref: 'Explanation#' }, 400: { $ref: 'Error#' }, ...notReady },
      },
    },
    (request) => state.explain(request.query.image),
  )
}

function addRegistries(app: FastifyInstance, state: AgentState): void {
  app.get(
    '/api/v1/registries',
    {
      schema: {
        summary: ROUTES['/api/v1/registries'],
        response: { 200: { type: 'array', items: { $ref: 'Registry#' } }, ...notReady },
      },
    },
    () => reportOf(state).registries,
  )

  app.get<{ Params: { registry: string } }>(
    '/api/v1/registries/:registry',
    {
      schema: {
        summary: ROUTES['/api/v1/registries/:registry'],
        params: { type: 'object', properties: { registry: { type: 'string' } } },
        response: { 200: { $ref: 'Registry#' }, 404: { $ref: 'Error#' }, ...notReady },
      },
    },
    (request) => {
      const { registries } = reportOf(state)
      const found = registries.find(({ registry }) => registry === request.params.registry)
      if (found !== undefined) return found
      throw new PullpathError('PP_NOT_FOUND', 'no registry of that name is declared or present on this node', {
        advice: registries.length === 0 ? 'none is known here' : `known: ${namesOf(registries)}`,
      })
    },
  )
}

function namesOf(registries: readonly RegistryReport[]): string {
  const names = registries.slice(0, 30).map(({ registry }) => registry)
  return `${names.join(', ')}${registries.length > names.length ? ', …' : ''}`
}

function reportOf(state: AgentState): NodeReport {
  const report = state.report()
  if (report !== null) return report
  throw new PullpathError('PP_NOT_READY', 'the first evaluation is not done yet', { advice: 'ask again in a second' })
}

/** Browsers name text/html; curl and probes accept anything. */
function wantsPage({ headers }: FastifyRequest): boolean {
  return quality(headers.accept, 'text/html') > quality(headers.accept, 'text/plain')
}

/** How much a type is wanted by name, from 0 to 1 (RFC 9110, 12.5.1). */
function quality(accept: string | undefined, type: string): number {
  for (const range of (accept ?? '').toLowerCase().split(',')) {
    const [name, ...parameters] = range.split(';').map((part) => part.trim())
    if (name !== type) continue
    const weight = parameters.find((parameter) => parameter.startsWith('q='))
    return weight === undefined ? 1 : Number(weight.slice(2)) || 0
  }
  return 0
}

function sendPage(reply: FastifyReply, report: NodeReport): FastifyReply {
  return reply
    .type('text/html; charset=utf-8')
    .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
    .send(reportPage(report))
}

/** In the form of Kubernetes' own health checks. */
function readiness(report: NodeReport | null, stopping: boolean): string {
  const lines = [
    stopping ? '[-]stopping' : '[+]running',
    report === null ? '[-]evaluation the first one is not done' : `[+]evaluation at ${report.evaluatedAt}`,
    // An input that is down is a finding, not a reason to take the agent out of service.
    ...(report?.inputs ?? []).map(
      ({ input, up, message }) => `[${up ? '+' : '-'}]input ${input} ${up ? 'ok' : message}`,
    ),
    report !== null && !stopping ? 'ready' : 'not ready',
  ]
  return `${lines.join('\n')}\n`
}
