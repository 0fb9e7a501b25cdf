/** What operators see: metrics for Prometheus, connections, and request ids. */
import { expect, test } from 'vitest'
import { connectionsOf, listen, postJson, publish } from '../../support/client.ts'
import { hasData } from '../../support/events.ts'
import { until } from '../../support/eventually.ts'
import { PROMTOOL_IS_MISSING, promtoolErrors } from '../../support/promtool.ts'
import { type Samples, samplesOf } from '../../support/samples.ts'
import type { RuntimePool } from './runtime.ts'

/** What a runtime lets its operators see. */
export function observing(pool: RuntimePool): void {
  test('the metrics count what happens, in the format of Prometheus', async () => {
    const { url } = await pool.shared()
    const before = await scrape(url)
    const readers = await Promise.all([listen(url, 'id=seen'), listen(url, 'id=seen')])
    await publish(url, '/clients/seen', 'to two')
    for (const reader of readers) await reader.next(hasData('to two'))
    await postJson(url, '/clients/seen', { data: 1, event: 'hub:forged' })
    const grown = async (name: string) =>
      ((await scrape(url)).get(name) ?? 0) - (before.get(name) ?? 0)
    // Other tests use this server, too.
    expect(await grown('hono_sse_publishes_total{address="client"}')).toBeGreaterThanOrEqual(1)
    expect(await grown('hono_sse_deliveries_total')).toBeGreaterThanOrEqual(2)
    expect(await grown('hono_sse_delivered_bytes_total')).toBeGreaterThanOrEqual(
      2 * 'to two'.length,
    )
    expect(await grown('hono_sse_openings_total{resume="fresh"}')).toBeGreaterThanOrEqual(2)
    expect(await grown('hono_sse_request_errors_total{status="400"}')).toBeGreaterThanOrEqual(1)
    const delays = 'hono_sse_delivery_delay_seconds_count'
    await until('the flush is observed', async () => (await grown(delays)) >= 1)
    expect((await scrape(url)).get('hono_sse_journal_up')).toBe(1)
    // A Worker has no process of its own.
    const isProcess = pool.runtime.signals === 'drain'
    const memory = (await scrape(url)).get('process_resident_memory_bytes') ?? 0
    expect(memory > 1e7).toBe(isProcess)
    const page = await fetch(`${url}/metrics`)
    expect(page.headers.get('Content-Type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    if (!PROMTOOL_IS_MISSING) expect(promtoolErrors(await page.text())).toBe('')
    await Promise.all(readers.map((reader) => reader.close()))
  })

  test('a connection is listed with its remote address, cursor and queue', async () => {
    const { url } = await pool.shared()
    const headers = { 'X-Request-Id': 'traced-1' }
    const response = await fetch(`${url}/sse?id=traced`, { headers })
    expect(response.headers.get('X-Request-Id')).toBe('traced-1')
    const listener = await listen(url, 'id=traced')
    const { id } = await publish(url, '/clients/traced', 'x')
    await listener.next(hasData('x'))
    const rows = await connectionsOf(url, 'traced')
    for (const row of rows) {
      expect(row).toMatchObject({
        opener: pool.opener,
        remoteAddress: expect.stringMatching(/127\.0\.0\.1$/),
        queuedBytes: 0,
        queuedEvents: 0,
        cursor: id,
      })
    }
    const ids = rows.map(({ requestId }) => requestId)
    expect(ids).toEqual(['traced-1', listener.response.headers.get('X-Request-Id')])
    expect(JSON.stringify(listener.events)).not.toContain('127.0.0.1')
    await Promise.all([response.body?.cancel(), listener.close()])
  })
}

/** Adds up the samples of all workers, if there are any; the journal is one for all. */
function sumOfWorkers(samples: Samples): Samples {
  const sums = new Map<string, number>()
  for (const [name, value] of samples) {
    const whole = name.replace(/\{worker="\d+",?/, '{').replace('{}', '')
    sums.set(whole, whole === 'hono_sse_journal_up' ? value : (sums.get(whole) ?? 0) + value)
  }
  return sums
}

async function scrape(url: string): Promise<Samples> {
  const response = await fetch(`${url}/metrics`)
  expect(response.status).toBe(200)
  return sumOfWorkers(samplesOf(await response.text()))
}
