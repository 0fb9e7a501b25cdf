/** Listeners, typed events and iteration, without a server. */
import { expect, expectTypeOf, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import type { ClientStream } from '../../src/client/client-stream.ts'
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

test.each([
  ['a schema', z.string()],
  ['a type', typed<string>('text')],
  ['an enumeration', z.enum(['hi', '5', 'true', 'null', '{"a":1}', '"q"', '"', ' 5'])],
])('an event that is a string by %s arrives as it was published', async (_, schema) => {
  const { clock, errors, options, publish } = createHarness()
  const stream = connect({ ...options, events: { note: schema } })
  onTestFinished(stream.close)
  const received: unknown[] = []
  stream.on('note', (text) => received.push(text))
  await clock.runPending()
  const texts = ['hi', '5', 'true', 'null', '{"a":1}', '"q"', '"', ' 5']
  for (const text of texts) await publish(text, 'note')
  expect(received).toEqual(texts)
  expect(errors).toEqual([])
})

test('JSON arrives as its value where the schema accepts that, and errors are about the value', async () => {
  const { clock, errors, options, publish } = createHarness()
  const either = z.union([z.string(), z.number(), z.null()])
  const stream = connect({
    ...options,
    events: { either, any: typed<unknown>(), at: z.coerce.date(), inbox: z.number() },
  })
  onTestFinished(stream.close)
  const received: unknown[] = []
  for (const name of ['either', 'any', 'at', 'inbox'] as const) {
    stream.on(name, (data) => received.push(data))
  }
  await clock.runPending()
  for (const data of [5, null, 'five']) await publish(data, 'either')
  for (const data of [{ a: 1 }, 'five']) await publish(data, 'any')
  await publish(new Date(5), 'at')
  expect(received).toEqual([5, null, 'five', { a: 1 }, 'five', new Date(5)])
  await publish({}, 'inbox')
  expect(errors).toEqual([
    expect.objectContaining({ message: expect.stringMatching(/number, received object/) }),
  ])
})

test('a type of strings alone must say so, because a type does not exist at run time', () => {
  // @ts-expect-error
  typed<string>()
  // @ts-expect-error
  typed<'on' | 'off'>()
  // @ts-expect-error
  typed<number>('text')
  expectTypeOf(connect<{ a: ReturnType<typeof typed<'on'>> }>).toBeFunction()
  // biome-ignore lint/suspicious/noExplicitAny: what is checked
  typed<any>()
  typed<string | undefined>()
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

test('a loop ends with a stream that the hub ends, after the events that it has not read yet', async () => {
  const { clock, hub, options, publish } = createHarness()
  const stream = connect(options)
  const events = stream[Symbol.asyncIterator]()
  const slow = stream[Symbol.asyncIterator]()
  await clock.runPending()
  const next = events.next()
  await publish('one')
  expect(await next).toMatchObject({ value: { data: 'one' } })
  const last = events.next()
  await hub.disconnect('alice', 60_000)
  await clock.advance(60_000)
  expect(stream.status).toMatchObject({ state: 'ended', reason: 'blocked' })
  expect(await last).toEqual({ done: true, value: undefined })
  expect(await slow.next()).toMatchObject({ value: { data: 'one' } })
  expect(await slow.next()).toEqual({ done: true, value: undefined })
})

test.each(['close', 'signal'] as const)('a loop receives nothing after %s', async (end) => {
  const { clock, options, publish } = createHarness()
  const abort = new AbortController()
  const stream = connect({ ...options, signal: abort.signal })
  const late = stream[Symbol.asyncIterator]()
  await clock.runPending()
  const received: string[] = []
  const loop = (async () => {
    for await (const { data } of stream) {
      received.push(data)
      if (data !== 'three') continue
      if (end === 'close') stream.close()
      else abort.abort()
    }
  })()
  const publishing = ['one', 'two', 'three', 'four', 'five'].map((data) => publish(data))
  await Promise.all(publishing)
  await loop
  expect(received).toEqual(['one', 'two', 'three'])
  expect(await late.next()).toEqual({ done: true, value: undefined })
  expect(await stream[Symbol.asyncIterator]().next()).toMatchObject({ done: true })
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

test('a listener is required', async () => {
  const { options } = createHarness()
  const stream = connect(options)
  onTestFinished(stream.close)
  expect(() => stream.on('inbox', undefined as never)).toThrow('on requires a listener')
  expect(() => stream.onAny(undefined as never)).toThrow(TypeError)
})

test('a stream with schemas is a stream that a helper may receive', () => {
  const badge = (stream: ClientStream) => stream.status.state
  const open = () => badge(connect({ url: 'http://hub', events: { a: typed<number>() } }))
  expectTypeOf(open).returns.toEqualTypeOf<ClientStream['status']['state']>()
  const count = (stream: ClientStream) => stream.on('a', (data: number) => data.toFixed())
  expectTypeOf(count).returns.toEqualTypeOf<() => void>()
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
  const stream = connect({ ...options, events: { note: typed<string>('text') } })
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
