/** Streams for any fetch handler keep the promises of those in Hono. */
import { expect, test } from 'vitest'
import { createStreamResponse } from '../../src/http/stream-response.ts'
import type { Connection } from '../../src/hub/connections/connection-types.ts'
import { createHub } from '../../src/hub/hub.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { problemIn, released } from '../support/app-harness.ts'
import { manualClock } from '../support/clock.ts'
import { readEvents } from '../support/reader.ts'

const URL = 'https://app.example/events'

function setUp(options: HubOptions = {}) {
  const clock = manualClock()
  return { clock, hub: createHub({ clock, random: () => 0.5, ...options }) }
}

test('a stream connects when it is read, and ends when its reader leaves', async () => {
  const { clock, hub } = setUp()
  const response = await createStreamResponse(new Request(URL), {
    hub,
    client: 'alice',
    topics: ['news'],
  })
  expect(response.status).toBe(200)
  expect(Object.fromEntries(response.headers)).toEqual({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'private, no-cache, no-store, no-transform',
    incremental: '?1',
    'x-accel-buffering': 'no',
  })
  await clock.runPending()
  expect(hub.stats().connections).toBe(0)
  const reader = readEvents(response)
  await clock.runPending()
  expect((await reader.next()).event).toBe('hub:ready')
  await hub.publish({ topic: 'news' }, { data: 'hello' })
  await clock.runPending()
  expect(await reader.next()).toMatchObject({ data: 'hello' })
  await reader.close()
  expect(hub.stats().connections).toBe(0)
  expect(clock.timers).toBe(0)
})

test('the header Last-Event-ID counts more than the option', async () => {
  const { clock, hub } = setUp()
  const [first, second] = [
    await hub.publish('everyone', { data: 'one' }),
    await hub.publish('everyone', { data: 'two' }),
  ]
  await hub.publish('everyone', { data: 'three' })
  const headers = { 'Last-Event-ID': second.id ?? '' }
  const request = new Request(URL, { headers })
  const options = { hub, client: 'alice', lastEventId: first.id }
  const reader = readEvents(await createStreamResponse(request, options))
  await clock.runPending()
  expect(await reader.next(({ event }) => !event?.startsWith('hub:'))).toMatchObject({
    data: 'three',
  })
})

test('the signal of the host ends the stream, and its context reaches the hooks', async () => {
  const clock = manualClock()
  const seen: string[] = []
  const hub = createHub({
    clock,
    onConnect: ({ context }: Connection<{ user: string }>) => void seen.push(`${context?.user}`),
  })
  const logOut = new AbortController()
  const options = { hub, client: 'alice', context: { user: 'Alice' }, signal: logOut.signal }
  const reader = readEvents(await createStreamResponse(new Request(URL), options))
  await clock.runPending()
  expect((await reader.next()).event).toBe('hub:ready')
  logOut.abort()
  await clock.runPending()
  expect(await reader.next()).toMatchObject({ event: 'hub:bye', data: '{"reason":"disconnected"}' })
  expect(seen).toEqual(['Alice'])
})

test('HEAD connects nobody', async () => {
  const { clock, hub } = setUp()
  const response = await createStreamResponse(new Request(URL, { method: 'HEAD' }), {
    hub,
    client: 'a',
  })
  expect(response.headers.get('Content-Type')).toMatch('text/event-stream')
  expect(await response.text()).toBe('')
  await clock.runPending()
  expect(hub.stats().connections).toBe(0)
})

test('a blocked client receives 204, and one too many hub:bye', async () => {
  const { hub, clock } = setUp({ maxConnections: 0 })
  await hub.disconnect('mallory', 60_000)
  const pending = createStreamResponse(new Request(URL), { hub, client: 'mallory' })
  await clock.advance(1_000)
  const blocked = await pending
  const head = new Request(URL, { method: 'HEAD' })
  expect((await createStreamResponse(head, { hub, client: 'mallory' })).status).toBe(204)
  expect([blocked.status, blocked.body]).toEqual([204, null])
  expect(blocked.headers.get('Cache-Control')).toBe('no-store')
  const full = await createStreamResponse(new Request(URL), { hub, client: 'alice' })
  expect(full.status).toBe(200)
  const goodbye = await (await released(full, clock)).text()
  expect(goodbye).toContain('data: {"reason":"at-capacity"}')
})

test('invalid topics lead to a problem, and an invalid client is an error of the program', async () => {
  const { hub } = setUp()
  const options = { hub, client: 'alice', topics: [''] }
  const response = await createStreamResponse(new Request(URL), options)
  expect(response.status).toBe(400)
  await problemIn(response)
  expect(() => createStreamResponse(new Request(URL), { hub, client: '' })).toThrow('client id')
  expect(() => createStreamResponse(new Request(URL), { hub: {} as never, client: 'a' })).toThrow(
    TypeError,
  )
})

test('a hub that closes at once says goodbye to a reader', async () => {
  const { clock, hub } = setUp()
  const reader = readEvents(await createStreamResponse(new Request(URL), { hub, client: 'alice' }))
  await clock.runPending()
  expect((await reader.next()).event).toBe('hub:ready')
  await hub.close()
  expect(await reader.next()).toMatchObject({ event: 'hub:bye', data: '{"reason":"shutdown"}' })
  await reader.end()
})
