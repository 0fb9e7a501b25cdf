/** Whether this process records traces. */
import { isSpanContextValid, trace } from '@opentelemetry/api'

/** Whether an SDK of OpenTelemetry has registered a provider of traces. */
export function isTracing(): boolean {
  // Without one, a span has no ids. With one, this span never ends, so that it is not exported.
  return isSpanContextValid(trace.getTracer('hono-sse').startSpan('start').spanContext())
}
