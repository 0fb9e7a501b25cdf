/** Traces of a hub with OpenTelemetry: `hono-sse/opentelemetry`, the only part that loads `@opentelemetry/api`. */
export { type TraceOptions, traceHub } from './trace-hub.ts'
export { traceRequests } from './trace-requests.ts'
