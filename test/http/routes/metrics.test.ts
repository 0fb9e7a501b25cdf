/** What Prometheus scrapes: figures that are true, in its own format, with labels that stay few. */
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { createApp } from '../../../src/http/app.ts'
import { shareMetrics } from '../../../src/http/routes/metrics.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import {
  type AppHarness,
  createAppHarness,
  json,
  released,
  text,
} from '../../support/app-harness.ts'
import { PROMTOOL_IS_MISSING, promtoolErrors } from '../../support/promtool.ts'
import { type Samples, samplesOf } from '../../support/samples.ts'

async function scrape({ request }: Pick<AppHarness, 'request'>): Promise<Samples> {
  return samplesOf(await (await request('/metrics')).text())
}

/** A hub where everything that is counted has happened. */
async function busy(): Promise<AppHarness> {
  const set = createAppHarness({ maxConnectionsPerClient: 2 })
  const reader = await set.listen('/sse?id=alice&topic=news')
  await set.listen('/sse?id=alice')
  await set.request('/broadcast', text('one'))
  await set.request('/clients/alice', json({ data: 'two' }))
  await set.request('/topics/news', text('three'))
  await set.request('/topics/nobody', text('four'))
  await released(await set.request('/sse?id=alice'), set.clock)
  await set.request('/broadcast', json({ data: 'x', event: 'hub:x' }))
  await set.request('/nothing')
  await set.request('/nothing-either')
  await reader.close()
  await set.clock.runPending()
  await set.listen('/sse?id=bob&lastEventId=earliest')
  await set.listen('/sse?id=bob&lastEventId=of-another-life')
  await set.request('/clients/alice', { method: 'DELETE' })
  return set
}

test('the response has the media type of the format', async () => {
  const response = await createAppHarness().request('/metrics')
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toBe('text/plain; version=0.0.4; charset=utf-8')
})

test('the metrics count what happened', async () => {
  const samples = await scrape(await busy())
  expect(Object.fromEntries(samples)).toMatchObject({
    hono_sse_connections: 2,
    hono_sse_clients: 1,
    hono_sse_topics: 0,
    hono_sse_closing_connections: 0,
    hono_sse_stalled_connections: 0,
    hono_sse_queued_bytes: 0,
    hono_sse_longest_queue_bytes: 0,
    'hono_sse_publishes_total{address="everyone"}': 1,
    'hono_sse_publishes_total{address="client"}': 1,
    'hono_sse_publishes_total{address="topic"}': 2,
    hono_sse_repetitions_total: 0,
    hono_sse_deliveries_total: 5,
    'hono_sse_openings_total{resume="fresh"}': 2,
    'hono_sse_openings_total{resume="complete"}': 1,
    'hono_sse_openings_total{resume="gap"}': 1,
    hono_sse_replays_total: 2,
    hono_sse_replayed_events_total: 2,
    'hono_sse_gaps_total{reason="epoch"}': 1,
    'hono_sse_gaps_total{reason="evicted"}': 0,
    'hono_sse_goodbyes_total{reason="disconnected"}': 1,
    'hono_sse_goodbyes_total{reason="at-capacity"}': 1,
    'hono_sse_goodbyes_total{reason="slow"}': 0,
    'hono_sse_endings_total{reason="left"}': 1,
    'hono_sse_endings_total{reason="disconnected"}': 1,
    hono_sse_stream_lifetime_seconds_count: 2,
    'hono_sse_refusals_total{reason="at-capacity"}': 1,
    'hono_sse_request_errors_total{status="400"}': 1,
    'hono_sse_request_errors_total{status="404"}': 2,
    hono_sse_journal_up: 1,
    hono_sse_journal_events: 4,
    hono_sse_journal_max_bytes: 67_108_864,
    hono_sse_journal_evicted_total: 0,
  })
  expect(samples.get('hono_sse_delivered_bytes_total')).toBeGreaterThan(5 * 'id: data: \n\n'.length)
  expect(samples.get('hono_sse_journal_bytes')).toBeGreaterThan(0)
  // A journal in memory can't be lost.
  expect(samples.has('hono_sse_journal_reconnects_total')).toBe(false)
})

test('times are in seconds, in cumulative buckets', async () => {
  const set = createAppHarness()
  const reader = await set.listen('/sse?id=alice')
  await set.request('/broadcast', text('one'))
  const samples = await scrape(set)
  expect(samples.get('hono_sse_delivery_delay_seconds_count')).toBe(1)
  expect(samples.get('hono_sse_delivery_delay_seconds_bucket{le="0.001"}')).toBe(1)
  expect(samples.get('hono_sse_delivery_delay_seconds_bucket{le="+Inf"}')).toBe(1)
  expect(samples.get('hono_sse_delivery_delay_seconds_sum')).toBe(0)
  expect(samples.get('hono_sse_flush_duration_seconds_count')).toBe(2)
  await reader.close()
})

test('bytes queued for a client that does not read are reported', async () => {
  const set = createAppHarness()
  const response = await set.request('/sse?id=slow')
  for (let n = 0; n < 5; n++) await set.request('/clients/slow', text('x'.repeat(1_000)))
  const samples = await scrape(set)
  expect(samples.get('hono_sse_queued_bytes')).toBeGreaterThan(4_000)
  expect(samples.get('hono_sse_longest_queue_bytes')).toBe(samples.get('hono_sse_queued_bytes'))
  expect(samples.get('hono_sse_stalled_connections')).toBe(1)
  await response.body?.cancel()
})

test('a lost journal is reported as down, with its last size', async () => {
  const stats = { events: 7, bytes: 700, reconnects: 3 }
  const journal = { ...createMemoryJournal(), ready: false, stats }
  const samples = await scrape(createAppHarness({ journal }))
  expect(Object.fromEntries(samples)).toMatchObject({
    hono_sse_journal_up: 0,
    hono_sse_journal_events: 7,
    hono_sse_journal_bytes: 700,
    hono_sse_journal_reconnects_total: 3,
  })
})

test('a journal that does not report its size has no sample for it', async () => {
  const { stats, ...journal } = createMemoryJournal()
  const samples = await scrape(createAppHarness({ journal }))
  expect(stats).toMatchObject({ events: 0, bytes: 0 })
  expect([...samples.keys()].filter((name) => name.includes('journal'))).toEqual([
    'hono_sse_journal_up',
  ])
})

test('what the journal has evicted is counted, whatever the bound', async () => {
  const set = createAppHarness({ journal: createMemoryJournal({ maxEvents: 2, maxBytes: 5_000 }) })
  for (const data of ['1', '2', '3']) await set.request('/broadcast', text(data))
  expect(Object.fromEntries(await scrape(set))).toMatchObject({
    hono_sse_journal_events: 2,
    hono_sse_journal_evicted_total: 1,
    hono_sse_journal_max_bytes: 5_000,
  })
})

test('clients, topics and paths add no samples', async () => {
  const set = await busy()
  const before = (await scrape(set)).size
  for (let n = 0; n < 20; n++) {
    await set.listen(`/sse?id=client-${n}&topic=topic-${n}`)
    await set.request(`/clients/client-${n}`, text('x'))
    await set.request(`/nothing-${n}`)
  }
  const samples = await scrape(set)
  expect(samples.size).toBe(before)
  expect([...samples.keys()].join()).not.toMatch(/client-1|topic-1|nothing/)
})

describe('metrics of the application', () => {
  test.each([
    ['a text', () => 'app_orders_total 3\n'],
    ['a text without an end of line', () => 'app_orders_total 3'],
    ['a promise', async () => 'app_orders_total 3\n'],
  ])('follow those of the hub: %s', async (_, metrics) => {
    const samples = await scrape(createAppHarness({}, { metrics }))
    expect(Object.fromEntries(samples)).toMatchObject({
      hono_sse_journal_up: 1,
      app_orders_total: 3,
    })
  })

  test('that fail are reported, and hide none of the hub', async () => {
    const failure = new Error('no metrics today')
    const set = createAppHarness({}, { metrics: () => Promise.reject(failure) })
    expect((await scrape(set)).get('hono_sse_journal_up')).toBe(1)
    expect(set.errors).toEqual([failure])
  })

  test('must be a function', () => {
    const metrics = 'app_orders_total 3' as never
    expect(() => createAppHarness({}, { metrics })).toThrow(TypeError)
  })
})

test('the metrics are served under the path where the app is mounted', async () => {
  const { hub } = createAppHarness()
  const host = new Hono().route('/realtime', createApp({ hub, access: 'anyone' }))
  expect((await host.request('/realtime/metrics')).status).toBe(200)
})

describe.skipIf(PROMTOOL_IS_MISSING)('promtool (skipped where it is not installed)', () => {
  test.each([
    ['a hub where nothing has happened', () => createAppHarness()],
    ['a hub where everything has happened', busy],
    [
      'a hub whose journal can be lost',
      () => {
        const stats = { events: 0, bytes: 0, reconnects: 0 }
        return createAppHarness({ journal: { ...createMemoryJournal(), stats } })
      },
    ],
  ])('finds nothing to complain about at %s', async (_, make) => {
    const set = await make()
    const page = await (await set.request('/metrics')).text()
    expect(promtoolErrors(page)).toBe('')
  })

  test('finds the mistakes in invalid metrics', () => {
    expect(promtoolErrors('# HELP a_ms A.\n# TYPE a_ms counter\na_ms 1\n')).toContain('a_ms')
    expect(promtoolErrors('a{b="c" 1\n')).not.toBe('')
  })
})

test('an app of one of several processes reports what they share', async () => {
  const hub = createHub()
  shareMetrics(hub, (own) => async () => `${await own()}other_total 1\n`)
  const app = createApp({ hub, access: 'anyone', metrics: () => 'own_total 2' })
  const samples = samplesOf(await (await app.request('/metrics')).text())
  expect(samples.get('hono_sse_connections')).toBe(0)
  expect([samples.get('own_total'), samples.get('other_total')]).toEqual([2, 1])
})
