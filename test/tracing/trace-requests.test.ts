/** Requests are spans that end with the headers, and continue the trace of their sender. */
import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { Hono } from 'hono'
import { afterEach, expect, test } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { traceHub } from '../../src/tracing/trace-hub.ts'
import { traceRequests } from '../../src/tracing/trace-requests.ts'
import { createAppHarness, text } from '../support/app-harness.ts'
import { startSdk, stopSdk } from '../support/trace-sdk.ts'

afterEach(stopSdk)

const traced = () => createAppHarness({}, { middleware: [traceRequests()] })

test('a stream is the time until its headers, however long it stays open', async () => {
  const spans = startSdk()
  const { listen, hub } = traced()
  const reader = await listen('/sse?id=alice')
  expect(hub.stats().connections).toBe(1)
  expect(spans()).toMatchObject([
    {
      name: 'GET /sse',
      kind: SpanKind.SERVER,
      attributes: { 'http.route': '/sse', 'http.response.status_code': 200 },
    },
  ])
  expect(JSON.stringify(spans()[0]?.attributes)).not.toContain('alice')
  await reader.close()
  expect(spans()).toHaveLength(1)
})

test('a publish belongs to its request, and the request to the trace of its sender', async () => {
  const spans = startSdk()
  const { hub } = createAppHarness()
  const app = createApp({ hub: traceHub(hub), access: 'anyone', middleware: [traceRequests()] })
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const headers = {
    'Content-Type': 'text/plain',
    traceparent: `00-${traceId}-b7ad6b7169203331-01`,
  }
  await app.request('/clients/alice', { method: 'POST', headers, body: 'x' })
  const [publish, own] = spans()
  expect([publish?.name, own?.name]).toEqual(['publish client', 'POST /clients/:id'])
  expect(publish?.parentSpanContext?.spanId).toBe(own?.spanContext().spanId)
  expect(own?.parentSpanContext).toMatchObject({ traceId, spanId: 'b7ad6b7169203331' })
})

test('a request whose span your instrumentation has started belongs to that', async () => {
  const spans = startSdk()
  const { app } = traced()
  const host = new Hono()
    .use((_, next) =>
      trace.getTracer('host').startActiveSpan('host', (span) => next().finally(() => span.end())),
    )
    .route('/realtime', app)
  const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }
  await host.request('/realtime/healthz', { headers })
  const [own, outer] = spans()
  expect([own?.name, outer?.name]).toEqual(['GET /realtime/healthz', 'host'])
  expect(own?.parentSpanContext?.spanId).toBe(outer?.spanContext().spanId)
})

test('a refused request is no failure of the hub, and one that breaks is', async () => {
  const spans = startSdk()
  const connectionInfo = () => {
    throw new Error('broken')
  }
  const { request } = createAppHarness({}, { middleware: [traceRequests()], connectionInfo })
  expect((await request('/nothing')).status).toBe(404)
  expect((await request('/sse?id=alice')).status).toBe(500)
  expect(spans().map(({ status }) => status.code)).toEqual([
    SpanStatusCode.UNSET,
    SpanStatusCode.ERROR,
  ])
})

test('without an SDK, requests are served as before', async () => {
  const { request } = traced()
  expect((await request('/clients/alice', text('x'))).status).toBe(200)
})
