/** Middleware that records requests as spans of OpenTelemetry: a stream as the time until its headers, not until it ends. */
import {
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type Context as TraceContext,
  trace,
} from '@opentelemetry/api'
import type { Context, MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'

/**
 * Creates the middleware: `createApp({ hub, middleware: [traceRequests()] })`. A span continues the trace of
 * the request's `traceparent`, unless your own instrumentation has started one, and ends with the headers of
 * the response. It has neither queries nor client ids. Without an SDK of OpenTelemetry, nothing is recorded.
 * @see https://opentelemetry.io/docs/specs/semconv/http/http-spans/
 */
export function traceRequests(): MiddlewareHandler {
  const tracer = trace.getTracer('hono-sse')
  return async (c, next) => {
    const { method } = c.req
    const attributes = { 'http.request.method': method }
    const options = { kind: SpanKind.SERVER, attributes }
    return await tracer.startActiveSpan(method, options, parentOf(c), async (span) => {
      try {
        const response = await next()
        describe(span, c)
        return response
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR })
        throw error
      } finally {
        span.end()
      }
    })
  }
}

const HEADERS: TextMapGetter<Context> = {
  get: (c, name) => c.req.header(name),
  keys: (c) => Object.keys(c.req.header()),
}

function parentOf(c: Context): TraceContext {
  const active = context.active()
  return trace.getSpan(active) ? active : propagation.extract(active, c, HEADERS)
}

/** What is known once the headers are. */
function describe(span: Span, c: Context): void {
  const route = routePath(c, -1)
  const { status } = c.res
  span.updateName(`${c.req.method} ${route}`)
  span.setAttributes({ 'http.route': route, 'http.response.status_code': status })
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
}
