/** The library is a list of exports, and nothing happens until somebody asks for it. */
import { afterEach, expect, test, vi } from 'vitest'
import { createApp, createHub } from '../src/index.ts'
import { manualClock } from './support/clock.ts'
import { readEvents } from './support/reader.ts'

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

test('the library has exactly these exports', async () => {
  expect(Object.keys(await import('../src/index.ts')).sort()).toMatchInlineSnapshot(`
    [
      "HubError",
      "createAccess",
      "createApp",
      "createClientScript",
      "createDashboard",
      "createHub",
      "createLimits",
      "createMemoryJournal",
      "createStreamResponse",
      "isHubError",
      "portableStream",
      "streamEvents",
      "systemClock",
    ]
  `)
})

test('importing the library and creating a hub and an app starts no timer and prints nothing', async () => {
  vi.resetModules()
  vi.useFakeTimers()
  const said = [vi.spyOn(console, 'log'), vi.spyOn(console, 'error'), vi.spyOn(console, 'info')]
  const listening = process.eventNames().length
  const library = await import('../src/index.ts')
  library.createApp({ hub: library.createHub(), access: 'anyone' })
  expect(vi.getTimerCount()).toBe(0)
  expect(process.eventNames()).toHaveLength(listening)
  for (const spy of said) expect(spy).not.toHaveBeenCalled()
})

test('a hub has no demo clock by default: only hub:ready arrives', async () => {
  const clock = manualClock()
  const reader = readEvents(
    await createApp({ hub: createHub({ clock }), access: 'anyone' }).request('/sse'),
  )
  await clock.advance(10_000)
  expect(reader.events.map(({ event }) => event)).toEqual(['hub:ready'])
})

test('a hub with clockMs sends the time once per period, as an ephemeral event', async () => {
  const clock = manualClock()
  const hub = createHub({ clock, clockMs: 1_000 })
  const reader = readEvents(await createApp({ hub, access: 'anyone' }).request('/sse'))
  await clock.advance(3_000)
  expect(reader.events.slice(1)).toEqual([
    { event: 'time', id: undefined, data: '2026-11-22T09:00:01.000Z' },
    { event: 'time', id: undefined, data: '2026-11-22T09:00:02.000Z' },
    { event: 'time', id: undefined, data: '2026-11-22T09:00:03.000Z' },
  ])
})

test('an event is delivered with the system clock and the defaults, without any option', async () => {
  const { systemClock } = await import('../src/index.ts')
  const app = createApp({ hub: createHub(), access: 'anyone' })
  const before = systemClock.now()
  const reader = readEvents(await app.request('/sse?id=alice'))
  await reader.next(({ event }) => event === 'hub:ready')
  await app.request('/ping/alice', { method: 'POST' })
  expect(await reader.next()).toMatchObject({ data: 'hello' })
  expect(systemClock.now()).toBeGreaterThanOrEqual(before)
  await reader.close()
})
