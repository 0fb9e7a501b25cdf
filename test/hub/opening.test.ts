/** Opening: a signal or its own method ends a connection, and nothing is left behind. */
import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { ByeReason } from '../../src/core/control-events.ts'
import { controlData, eventsNamed } from '../support/events.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { createHubHarness } from '../support/hub-harness.ts'

test.each<[RegExp, object]>([
  [/topics of connect must be an array of strings/, { topics: 'news' }],
  [/expiresAt of connect must be a finite number/, { expiresAt: Number.NaN }],
  [/lastEventId of connect must be a string/, { lastEventId: 5 }],
  [/connect has no option "lastEventID"/, { lastEventID: 'x-1' }],
])('a connection with a mistake of the host is not opened: %s', (message, wrong) => {
  const { hub } = createHubHarness()
  const connect = () => hub.connect({ client: 'alice', stream: fakeStream(), ...wrong })
  expect(connect).toThrow(message)
  expect(connect).toThrow(expect.objectContaining({ code: 'invalid-option' }))
  expect(hub.stats().connections).toBe(0)
})

test.each(['write', 'onAbort', 'abort'])('a stream without %s is refused', (method) => {
  const { hub } = createHubHarness()
  const stream = Object.assign(fakeStream(), { [method]: undefined })
  expect(() => hub.connect({ client: 'alice', stream })).toThrow(
    expect.objectContaining({
      code: 'invalid-option',
      message: expect.stringContaining('write, onAbort, abort'),
    }),
  )
  expect(hub.stats().connections).toBe(0)
})

test('a connection without a stream is refused', () => {
  const { hub } = createHubHarness()
  expect(() => hub.connect({ client: 'alice' } as never)).toThrow('connect needs a stream.')
  expect(() => hub.connect(undefined as never)).toThrow(
    expect.objectContaining({ code: 'invalid-option' }),
  )
  expect(hub.stats().connections).toBe(0)
})

const BROKEN = new Error('The stream is broken.')

function breaks(): never {
  throw BROKEN
}

test.each<[string, object]>([
  ['write', { write: breaks }],
  ['onAbort', { onAbort: breaks }],
])('a stream whose %s throws ends alone, and onError receives the error', async (_, broken) => {
  const seen: unknown[] = []
  const { clock, hub, connect } = createHubHarness({
    onDisconnect: ({ client }, reason) => seen.push([client, reason]),
    onError: (error, stage) => seen.push([error, stage]),
  })
  const stream = Object.assign(fakeStream(), broken)
  const { ended } = hub.connect({ client: 'alice', stream })
  await connect('bob')
  await ended
  await clock.runPending()
  expect(seen).toEqual([
    [BROKEN, 'stream'],
    ['alice', 'left'],
  ])
  expect(hub.stats().connections).toBe(1)
})

test('a stream that cannot say what it has not sent ends alone, too', async () => {
  const seen: unknown[] = []
  const { clock, connect } = createHubHarness({
    heartbeatMs: 60_000,
    onError: (error, stage) => seen.push([error, stage]),
  })
  const stream = fakeStream()
  const { connection } = await connect('alice', { stream })
  Object.defineProperty(stream, 'unsentBytes', { get: breaks })
  await clock.advance(1_000)
  await connection.ended
  expect(seen).toEqual([[BROKEN, 'stream']])
})

test('close refuses an option that is misspelt, and goes on', () => {
  const { hub } = createHubHarness()
  expect(() => hub.close(0, { singal: AbortSignal.abort() } as object)).toThrow(
    /no option "singal"/,
  )
  expect(hub.closing).toBe(false)
})

describe('a signal', () => {
  test('that is aborted ends the stream with a goodbye', async () => {
    const { clock, hub } = createHubHarness()
    const [logOut, stream, other] = [new AbortController(), fakeStream(), fakeStream()]
    const { signal } = logOut
    const connection = hub.connect({ client: 'alice', stream, signal })
    hub.connect({ client: 'alice', stream: other })
    await clock.runPending()
    logOut.abort()
    await clock.runPending()
    await connection.ended
    expect(controlData(stream, 'hub:bye')).toEqual({ reason: 'disconnected' })
    expect(eventsNamed(other, 'hub:bye')).toEqual([])
    expect((await hub.clients()).rows).toMatchObject([{ client: 'alice', connections: 1 }])
  })

  test('that is aborted ends all of its streams', async () => {
    const { clock, hub } = createHubHarness()
    const logOut = new AbortController()
    const { signal } = logOut
    const streams = Array.from({ length: 20 }, () => fakeStream())
    for (const stream of streams) hub.connect({ client: 'alice', stream, signal })
    await clock.runPending()
    logOut.abort()
    await clock.runPending()
    for (const stream of streams) expect(eventsNamed(stream, 'hub:bye')).toHaveLength(1)
  })

  test('that is aborted already ends the stream as soon as it opens', async () => {
    const reasons: string[] = []
    const { clock, hub } = createHubHarness({
      onDisconnect: (_, reason) => reasons.push(reason),
    })
    const stream = fakeStream()
    const connection = hub.connect({ client: 'alice', stream, signal: AbortSignal.abort() })
    await clock.runPending()
    await connection.ended
    expect(controlData(stream, 'hub:bye')).toEqual({ reason: 'disconnected' })
    expect(reasons).toEqual(['disconnected'])
    expect(hub.stats()).toMatchObject({ connections: 0, closing: 0 })
  })

  test('keeps no listener of a stream that has ended', async () => {
    const { clock, hub } = createHubHarness()
    const { signal } = new AbortController()
    const streams = Array.from({ length: 20 }, () => fakeStream())
    for (const stream of streams) hub.connect({ client: 'alice', stream, signal })
    await clock.runPending()
    // Node warns when a signal has more than ten.
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    streams.pop()?.leave()
    await clock.runPending()
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    for (const stream of streams) stream.leave()
    await clock.runPending()
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test.each([null, {}, 'abort', new AbortController()])(
    'must be an AbortSignal, and %o is none',
    (signal) => {
      const { hub } = createHubHarness()
      const options = { client: 'alice', stream: fakeStream(), signal: signal as AbortSignal }
      expect(() => hub.connect(options)).toThrow(
        expect.objectContaining({ code: 'invalid-option' }),
      )
      expect(() => hub.close(0, { signal: signal as AbortSignal })).toThrow(
        expect.objectContaining({ code: 'invalid-option' }),
      )
      expect(hub.stats().connections).toBe(0)
      expect(hub.closing).toBe(false)
    },
  )
})

describe('disconnect of a connection', () => {
  test.each<[ByeReason | undefined, ByeReason]>([
    [undefined, 'disconnected'],
    ['expired', 'expired'],
    ['shutdown', 'shutdown'],
  ])('with the reason %s says %s, and ends no other', async (reason, expected) => {
    const { clock, hub, connect } = createHubHarness()
    const [one, other] = [await connect('alice'), await connect('alice')]
    one.connection.disconnect(reason)
    one.connection.disconnect()
    await clock.runPending()
    expect(eventsNamed(one.stream, 'hub:bye')).toHaveLength(1)
    expect(controlData(one.stream, 'hub:bye')).toEqual({ reason: expected })
    expect(eventsNamed(other.stream, 'hub:bye')).toEqual([])
    expect(hub.stats().metrics.goodbyes[expected]).toBe(1)
  })

  test('refuses an unknown reason', async () => {
    const { connect, hub } = createHubHarness()
    const { connection } = await connect('alice')
    for (const reason of ['bored', 'toString', null]) {
      expect(() => connection.disconnect(reason as ByeReason)).toThrow(
        expect.objectContaining({ code: 'invalid-option' }),
      )
    }
    expect(hub.stats().connections).toBe(1)
  })
})
