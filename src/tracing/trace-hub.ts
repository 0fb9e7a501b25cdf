/** A hub whose publishes are spans of OpenTelemetry, and whose events may carry the trace. */
import {
  type Attributes,
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { type Addresses, addressKeys, kindOf } from '../core/address.ts'
import { HubError } from '../core/errors.ts'
import type { EventInput } from '../core/event.ts'
import { checkOptions, KIND, type Kinds } from '../core/options/option-kinds.ts'
import type { Hub } from '../hub/hub-types.ts'
import type { PublishOptions } from '../hub/idempotency/once-of.ts'
import { attachInternals, internalsOf } from '../hub/internals.ts'

/** Options of {@link traceHub}. */
export interface TraceOptions {
  /**
   * Whether the data of an event, if it is a plain object, receives a property `traceparent`, so that whoever
   * handles it continues the trace: `propagation.extract(context.active(), data)`. A schema of the event must
   * allow it. An event with an idempotency key has none: its repetition must be the same. @defaultValue `false`
   */
  readonly traceparent?: boolean | undefined
}

const KINDS: Kinds<TraceOptions> = { traceparent: KIND.flag }

/**
 * Returns a hub that does what the given one does, and records a span for each publish: the kind of its
 * address, the event's id, and the connections of this hub that it was queued for. Pass what it returns to
 * `createApp`, `createAccess` and all others. Of an event that is posted, the span has no id. Without an SDK
 * of OpenTelemetry, nothing is recorded and no event changes.
 * @throws {TypeError} if `createHub` of this package did not create the hub
 * @throws {HubError} `invalid-option`
 * @see https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */
export function traceHub<Events extends object, Context>(
  hub: Hub<Events, Context>,
  options: TraceOptions = {},
): Hub<Events, Context> {
  checkOptions('traceHub', options, KINDS)
  const tracer = trace.getTracer('hono-sse')
  const inner = hub as unknown as Hub
  const carried = options.traceparent ? withTraceparent : (event: EventInput) => event
  const traced: Hub<Events, Context> = Object.create(hub, {
    publish: { value: publish, enumerable: true },
    post: { value: post, enumerable: true },
  })
  return attachInternals(traced, internalsOf(hub))

  function publish(
    addresses: Addresses,
    event: EventInput,
    options?: PublishOptions,
  ): ReturnType<Hub['publish']> {
    return inSpan(addresses, async (span) => {
      try {
        const input = options?.idempotencyKey === undefined ? carried(event) : event
        const result = await inner.publish(addresses, input, options)
        const { id, connections } = result
        span.setAttribute('hono_sse.connections', connections)
        if (id !== undefined) span.setAttribute('messaging.message.id', id)
        return result
      } catch (error) {
        fail(span, error)
        throw error
      } finally {
        span.end()
      }
    })
  }

  function post(addresses: Addresses, event: EventInput): void {
    inSpan(addresses, (span) => {
      inner.post(addresses, carried(event))
      span.end()
    })
  }

  function inSpan<Result>(addresses: Addresses, run: (span: Span) => Result): Result {
    const kind = kindIn(addresses)
    const attributes: Attributes = { ...PUBLISH, ...(kind && { 'hono_sse.address': kind }) }
    const name = kind ? `publish ${kind}` : 'publish'
    return tracer.startActiveSpan(name, { kind: SpanKind.PRODUCER, attributes }, run)
  }
}

const PUBLISH: Attributes = {
  'messaging.system': 'hono-sse',
  'messaging.operation.name': 'publish',
  'messaging.operation.type': 'send',
}

/** The kind of an address, or of a list; undefined if it is invalid, which the hub reports. */
function kindIn(addresses: Addresses): string | undefined {
  try {
    return kindOf(addressKeys(addresses))
  } catch {
    return undefined
  }
}

function fail(span: Span, error: unknown): void {
  if (error instanceof HubError) span.setAttribute('error.type', error.code)
  span.recordException(error instanceof Error ? error : String(error))
  span.setStatus({ code: SpanStatusCode.ERROR })
}

/** Adds the active span to data that is a plain object and has none. */
function withTraceparent(event: EventInput): EventInput {
  const data: unknown = Object(event).data
  if (!isPlain(data) || 'traceparent' in data) return event
  const carrier: { traceparent?: string } = {}
  propagation.inject(context.active(), carrier)
  const { traceparent } = carrier
  return traceparent === undefined ? event : { ...event, data: { ...data, traceparent } }
}

/** Whether a copy of its properties is written as it is. */
function isPlain(data: unknown): data is object {
  if (typeof data !== 'object' || data === null || 'toJSON' in data) return false
  const prototype = Object.getPrototypeOf(data)
  return prototype === Object.prototype || prototype === null
}
