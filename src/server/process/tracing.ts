/** The traces of a server: recorded if the user has set up OpenTelemetry before the server starts. */
import type { traceHub, traceRequests } from '../../tracing/index.ts'

/** Records publishes and requests. */
export interface Tracing {
  readonly traceHub: typeof traceHub
  readonly traceRequests: typeof traceRequests
}

/** Resolves with undefined if `@opentelemetry/api` is not installed, or if no SDK has registered a provider. */
export async function loadTracing(): Promise<Tracing | undefined> {
  try {
    const { isTracing } = await import('../../tracing/is-tracing.ts')
    return isTracing() ? await import('../../tracing/index.ts') : undefined
  } catch {
    // The package is optional.
    return undefined
  }
}
