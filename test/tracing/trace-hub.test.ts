/** Publishes are spans, events carry the trace if asked, and without an SDK nothing changes. */
import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { afterEach, describe, expect, test } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { createAccess } from '../../src/http/auth/access.ts'
import { createHub } from '../../src/hub/hub.ts'
import { type TraceOptions, traceHub } from '../../src/tracing/trace-hub.ts'
import { createHubHarness, type HubHarness } from '../support/hub-harness.ts'
import { startSdk, stopSdk } from '../support/trace-sdk.ts'

afterEach(stopSdk)

/** A traced hub, and the data of the latest event that it has delivered to alice. */
async function traced(options?: TraceOptions): Promise<HubHarness & { latest(): unknown }> {
  const harness = createHubHarness()
  const { stream } = await harness.connect('alice', { topics: ['news'] })
  const hub = traceHub(harness.hub, options)
  return { ...harness, hub, latest: () => stream.events.at(-1)?.data }
}

describe('a publish', () => {
  test('is a span with the kind of its address, the id of its event and its connections', async () => {
    const spans = startSdk()
    const { hub } = await traced()
    const { id } = await hub.publish({ client: 'alice' }, { data: 'x' })
    await hub.publish('everyone', { data: 'x', ephemeral: true })
    await hub.publish([{ client: 'alice' }, { topic: 'news' }], { data: 'x' })
    expect(spans()).toMatchObject([
      {
        name: 'publish client',
        kind: SpanKind.PRODUCER,
        attributes: {
          'messaging.system': 'hono-sse',
          'messaging.message.id': id,
          'hono_sse.address': 'client',
          'hono_sse.connections': 1,
        },
      },
      { name: 'publish everyone', attributes: { 'hono_sse.connections': 1 } },
      {
        name: 'publish several',
        attributes: { 'hono_sse.address': 'several', 'hono_sse.connections': 1 },
      },
    ])
    expect(spans()[1]?.attributes).not.toHaveProperty('messaging.message.id')
    expect(JSON.stringify(spans().map((span) => span.attributes))).not.toContain('alice')
  })

  test.each([
    ['of an invalid event', 'everyone', { data: 'x', event: 'hub:x' }, 'invalid-event'],
    ['to an invalid address', { client: '' }, { data: 'x' }, 'invalid-address'],
    ['of nothing', 'everyone', undefined, 'invalid-event'],
  ])('%s is rejected as without traces, and its span has failed', async (_, to, event, code) => {
    const spans = startSdk()
    const { hub } = await traced({ traceparent: true })
    await expect(hub.publish(to as never, event as never)).rejects.toMatchObject({ code })
    expect(spans()).toMatchObject([
      { status: { code: SpanStatusCode.ERROR }, attributes: { 'error.type': code } },
    ])
  })

  test('that is not waited for is a span, too', async () => {
    const spans = startSdk()
    const { hub, clock, latest } = await traced()
    hub.post({ topic: 'news' }, { data: 'posted' })
    await clock.runPending()
    expect(spans()).toMatchObject([{ name: 'publish topic' }])
    expect(latest()).toBe('posted')
  })
})

describe('an event', () => {
  test('carries the trace if asked, so that a consumer continues it', async () => {
    const spans = startSdk()
    const { hub, clock, latest } = await traced({ traceparent: true })
    await hub.publish('everyone', { data: { order: 7 } })
    await clock.runPending()
    const data = JSON.parse(String(latest()))
    const consumer = trace.getSpanContext(propagation.extract(context.active(), data))
    const { traceId, spanId } = spans()[0]?.spanContext() ?? {}
    expect(consumer).toMatchObject({ traceId, spanId, isRemote: true })
    expect(data).toEqual({ order: 7, traceparent: `00-${traceId}-${spanId}-01` })
  })

  test.each([
    ['when not asked', undefined, { order: 7 }, '{"order":7}'],
    ['whose data is a string', true, 'plain', 'plain'],
    ['whose data is a list', true, [1], '[1]'],
    ['whose data writes itself', true, new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ['that carries one of its own', true, { traceparent: 'own' }, '{"traceparent":"own"}'],
  ])('%s is published unchanged', async (_, traceparent, data, text) => {
    startSdk()
    const { hub, clock, latest } = await traced({ traceparent })
    await hub.publish('everyone', { data })
    await clock.runPending()
    expect(latest()).toBe(text)
  })
})

test('an event with an idempotency key carries no trace: its repetition is the same event', async () => {
  const spans = startSdk()
  const { hub, clock, latest } = await traced({ traceparent: true })
  const key = { idempotencyKey: 'order-7' }
  const first = await hub.publish('everyone', { data: { order: 7 } }, key)
  expect(await hub.publish('everyone', { data: { order: 7 } }, key)).toEqual(first)
  await clock.runPending()
  expect(latest()).toBe('{"order":7}')
  expect(spans().map(({ attributes }) => attributes['messaging.message.id'])).toEqual([
    first.id,
    first.id,
  ])
})

test('without an SDK, events are published unchanged', async () => {
  const { hub, clock, latest } = await traced({ traceparent: true })
  await expect(hub.publish('everyone', { data: { order: 7 } })).resolves.toMatchObject({
    connections: 1,
  })
  await clock.runPending()
  expect(latest()).toBe('{"order":7}')
})

test('the hub is one that apps accept, and what it says is current', async () => {
  const spans = startSdk()
  const inner = createHub()
  const hub = traceHub(inner)
  const app = createApp({
    hub,
    access: createAccess({ hub, keys: ['a-publish-key-of-the-tests'] }),
  })
  const headers = { Authorization: 'Bearer a-publish-key-of-the-tests' }
  const response = await app.request('/broadcast', { method: 'POST', headers, body: 'x' })
  expect([response.status, spans().map(({ name }) => name)]).toEqual([200, ['publish everyone']])
  expect(hub.cursor).toBe(inner.cursor)
  await hub.close()
  expect([hub.closing, inner.closing]).toEqual([true, true])
})

test('a hub of another kind and unknown options are refused', () => {
  expect(() => traceHub({} as never)).toThrow(TypeError)
  for (const options of [{ traceParent: true }, { traceparent: 'yes' }]) {
    expect(() => traceHub(createHub(), options as never)).toThrow(
      expect.objectContaining({ code: 'invalid-option' }),
    )
  }
})
