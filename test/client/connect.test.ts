/** Listeners, typed events and iteration, without a server. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { connect } from '../../src/client/connect.ts'
import { typed } from '../../src/client/event-schema.ts'
import { createApp } from '../../src/http/app.ts'
import { createHub } from '../../src/hub/hub.ts'
import { manualClock } from '../support/clock.ts'

function createHarness() {
  const clock = manualClock()
  const hub = createHub({ clock })
  const app = createApp({ hub, access: 'anyone' })
  const send = (async (url: string, init?: RequestInit) =>
    await app.request(url, init)) as typeof fetch
  const errors: unknown[] = []
  const options = {
    url: 'http://hub/sse',
    client: 'alice',
    fetch: send,
    clock,
    onError: (error: unknown) => void errors.push(error),
  }
  return { clock, hub, errors, options, publish }

  async function publish(data: unknown, event?: string): Promise<void> {
    await hub.publish({ client: 'alice' }, { data, event })
    await clock.runPending()
  }
}

test('events with a schema arrive as its output, and others as text', async () => {
  const { clock, errors, options, publish } = createHarness()
  const stream = connect({
    ...options,
    events: { inbox: z.object({ unread: z.number() }), note: typed<{ text: string }>() },
  })
  onTestFinished(stream.close)
  const received: unknown[] = []
  stream.on('inbox', ({ unread }) => received.push(unread + 1))
  stream.on('note', ({ text }) => received.push(text.toUpperCase()))
  stream.on('message', (data) => received.push(data.length))
  await clock.runPending()
  await publish({ unread: 1 }, 'inbox')
  await publish({ text: 'hi' }, 'note')
  await publish('four')
  await publish({ unread: 'many' }, 'inbox')
  expect(received).toEqual([2, 'HI', 4])
  expect(errors).toEqual([
    expect.objectContaining({ message: expect.stringMatching(/inbox does not match/) }),
  ])
})

test('a listener that throws does not affect the others', async () => {
  const { clock, errors, options, publish } = createHarness()
  const stream = connect(options)
  onTestFinished(stream.close)
  const received: string[] = []
  stream.on('message', () => {
    throw new Error('mine')
  })
  const stop = stream.on('message', (data) => received.push(data))
  stream.onAny(({ data }) => received.push(data))
  await clock.runPending()
  await publish('one')
  stop()
  await publish('two')
  expect(received).toEqual(['one', 'one', 'two'])
  expect(errors).toHaveLength(2)
})

test('a loop receives every event, and leaving it leaves nothing behind', async () => {
  const { clock, options, publish } = createHarness()
  const stream = connect(options)
  onTestFinished(stream.close)
  const received: string[] = []
  const loop = (async () => {
    for await (const { data } of stream) {
      received.push(data)
      if (received.length === 2) break
    }
  })()
  await clock.runPending()
  await publish('one')
  await publish('two')
  await loop
  await publish('three')
  expect(received).toEqual(['one', 'two'])
})

test('a loop ends with the stream, after the events that it has not read yet', async () => {
  const { clock, options, publish } = createHarness()
  const stream = connect(options)
  const events = stream[Symbol.asyncIterator]()
  const slow = stream[Symbol.asyncIterator]()
  await clock.runPending()
  const next = events.next()
  await publish('one')
  expect(await next).toMatchObject({ value: { data: 'one' } })
  const last = events.next()
  stream.close()
  expect(await last).toEqual({ done: true, value: undefined })
  expect(await slow.next()).toMatchObject({ value: { data: 'one' } })
  expect(await slow.next()).toEqual({ done: true, value: undefined })
})

test('a signal ends the stream, also one that was aborted before', async () => {
  const { clock, hub, options } = createHarness()
  const abort = new AbortController()
  const stream = connect({ ...options, signal: abort.signal })
  await clock.runPending()
  expect(hub.stats().connections).toBe(1)
  abort.abort()
  await clock.runPending()
  expect(stream.status).toEqual({ state: 'ended', reason: 'closed' })
  expect(hub.stats().connections).toBe(0)
  expect(connect({ ...options, signal: abort.signal }).status.state).toBe('ended')
})

test('a URL is required', () => {
  expect(() => connect({ url: '' })).toThrow('connect requires url')
})

test('what onError throws does not affect the stream', async () => {
  const { clock, options, publish } = createHarness()
  const log = vi.spyOn(console, 'error').mockImplementation(() => {})
  onTestFinished(() => log.mockRestore())
  const stream = connect({
    ...options,
    onError: (error) => {
      throw error
    },
  })
  onTestFinished(stream.close)
  const received: string[] = []
  stream.on('message', (data) => {
    received.push(data)
    throw new Error('mine')
  })
  await clock.runPending()
  await publish('one')
  await publish('two')
  await clock.advance(10_000)
  expect(received).toEqual(['one', 'two'])
  expect(log).toHaveBeenCalledTimes(2)
})

test('events may have the names of properties that every object has', async () => {
  const { clock, errors, options, publish } = createHarness()
  const stream = connect({ ...options, events: { note: typed<string>() } })
  onTestFinished(stream.close)
  const received: unknown[] = []
  stream.on('constructor', (data) => received.push(data))
  await clock.runPending()
  await publish('one', 'constructor')
  expect(received).toEqual(['one'])
  expect(errors).toEqual([])
})

test('a listener of the status that closes the stream leaves no connection behind', async () => {
  const { clock, hub, options } = createHarness()
  const stream = connect(options)
  stream.onStatus(({ state }) => {
    if (state === 'waiting') stream.close()
  })
  await clock.runPending()
  await hub.disconnect('alice')
  await clock.advance(60_000)
  expect(stream.status.state).toBe('ended')
  expect(hub.stats().connections).toBe(0)
})
