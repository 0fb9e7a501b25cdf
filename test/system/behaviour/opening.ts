/** How a stream opens: at once, with the right headers, and for GET alone. */
import { expect, test } from 'vitest'
import { connectionsOf, listen, untilConnections } from '../../support/client.ts'
import { sequenceOf } from '../../support/event-id.ts'
import { named } from '../../support/events.ts'
import { openRaw } from '../../support/raw-stream.ts'
import { type RuntimePool, TIGHT, WITH_CLOCK } from './runtime.ts'

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/
/** More than any machine needs, and less than what a buffer or a heartbeat would cost. */
const AT_ONCE_MS = 3_000

/** How streams open on a runtime. */
export function opening(pool: RuntimePool): void {
  test('a stream sends its headers and hub:ready at once, and nothing else', async () => {
    const { url } = await pool.shared()
    const raw = await openRaw(url, '/sse?id=raw&topic=news')
    await raw.contains('"resume":"fresh","heartbeatMs":15000}\n\n', AT_ONCE_MS)
    const { head, body } = raw
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(headerOf(head, 'content-type')).toEqual(['text/event-stream; charset=utf-8'])
    expect(headerOf(head, 'cache-control')).toEqual(['private, no-cache, no-store, no-transform'])
    expect(headerOf(head, 'x-accel-buffering')).toEqual(['no'])
    expect(headerOf(head, 'incremental')).toEqual(['?1'])
    expect(headerOf(head, 'transfer-encoding')).toEqual(['chunked'])
    expect(headerOf(head, 'connection').length).toBeLessThan(2)
    expect(body).toMatch(
      // On Workers a comment comes first, as it finds out whether somebody reads.
      /^(?::\n\n)?retry: (?:1[5-9]|2[0-5])\d\d\nid: [0-9a-z]+-\d+\nevent: hub:ready\ndata: \{"client":"raw","connection":"c-\d+","topics":\["news"\],"resume":"fresh","heartbeatMs":15000\}\n\n$/,
    )
    raw.leave('rst')
  })

  test('a client without an id gets a UUID of its own', async () => {
    const { url } = await pool.shared()
    const [one, two] = await Promise.all([listen(url, ''), listen(url, '')])
    expect(one.ready.client).toMatch(UUID)
    expect(two.ready.client).toMatch(UUID)
    expect(one.ready.client).not.toBe(two.ready.client)
    await Promise.all([one.close(), two.close()])
  })

  test('a listing shows the client, its topics and its queue', async () => {
    const { url } = await pool.shared()
    const listener = await listen(url, 'id=listed&topic=weather&topic=sport')
    const [row] = await connectionsOf(url, 'listed')
    expect(row).toMatchObject({ client: 'listed', topics: ['weather', 'sport'], queuedBytes: 0 })
    expect(row?.connection).toBe(listener.ready.connection)
    await listener.close()
  })

  test('HEAD returns the headers and registers no client', async () => {
    const { url } = await pool.shared()
    const response = await fetch(`${url}/sse?id=head`, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('text/event-stream; charset=utf-8')
    expect(await response.text()).toBe('')
    await untilConnections(url, 'head', 0)
  })

  test('two tabs of alice and one of bob receive the time every second, exactly once', async () => {
    const { url } = await pool.shared(WITH_CLOCK)
    const readers = await Promise.all(
      ['alice', 'alice', 'bob'].map((id) => listen(url, `id=${id}`)),
    )
    const received = await Promise.all(
      readers.map(async (reader) => {
        const ticks = []
        for (let tick = 0; tick < 3; tick++) ticks.push(await reader.next(named('time')))
        return ticks
      }),
    )
    const [times = [], ...others] = received.map((ticks) => ticks.map(({ data }) => data))
    for (const other of others) expect(other.filter((time) => times.includes(time))).not.toEqual([])
    for (const ticks of received) {
      const [first = 0, second = 0, third = 0] = ticks.map(({ data }) => Date.parse(data))
      expect(new Date(first).toISOString()).toBe(ticks[0]?.data)
      expect(Math.abs(second - first - 1_000)).toBeLessThan(500)
      expect(Math.abs(third - second - 1_000)).toBeLessThan(500)
      expect(ticks.every(({ id }) => id === undefined)).toBe(true)
    }
    await Promise.all(readers.map((reader) => reader.close()))
  })

  test('a quiet stream receives a heartbeat, which moves its cursor', async () => {
    const { url } = await pool.shared(TIGHT)
    const listener = await listen(url, 'id=calm')
    const before = await listener.next(named('hub:beat'))
    expect(before.data).toBe('1')
    const response = await fetch(`${url}/ping/nobody-calm`, { method: 'POST' })
    const { id } = (await response.json()) as { id: string }
    const after = await listener.next(
      (event) => event.event === 'hub:beat' && sequenceOf(event.id ?? '') >= sequenceOf(id),
    )
    expect(after.id?.split('-')[0]).toBe(before.id?.split('-')[0])
    await listener.close()
  })
}

function headerOf(head: string, name: string): string[] {
  const lines = head.split('\r\n').slice(1)
  const pairs = lines.map((line) => line.split(/:\s*(.*)/))
  return pairs.flatMap(([key, value = '']) => (key?.toLowerCase() === name ? [value] : []))
}
