/** Options of a stream: a mistake of the host throws, whatever opens the stream; one of the request is answered. */
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { type StreamOptions, streamEvents } from '../../src/http/stream.ts'
import { createStreamResponse } from '../../src/http/stream-response.ts'
import { createHub } from '../../src/hub/hub.ts'
import { problemIn } from '../support/app-harness.ts'
import { manualClock } from '../support/clock.ts'
import { readEvents } from '../support/reader.ts'

const clock = manualClock()
const hub = createHub({ clock })

const REQUEST = new Request('https://app.example/events')

const OPENERS: [string, (options: StreamOptions) => Response | Promise<Response>][] = [
  ['createStreamResponse', (options) => createStreamResponse(REQUEST, options)],
  [
    'streamEvents',
    async (options) => {
      const host = new Hono().get('/events', (c) => streamEvents(c, options))
      host.onError((error) => {
        throw error
      })
      return await host.fetch(REQUEST)
    },
  ],
]

describe.each(OPENERS)('%s', (name, open) => {
  test.each<[RegExp, object]>([
    [/topics of .* must be an array of strings/, { topics: 'news' }],
    [/topics of .* must be an array of strings/, { topics: [5] }],
    [/topics of .* must be an array of strings/, { topics: null }],
    [/expiresAt of .* must be a finite number/, { expiresAt: Number.NaN }],
    [/expiresAt of .* must be a finite number/, { expiresAt: 'x' }],
    [/expiresAt of .* must be a finite number/, { expiresAt: new Date() }],
    [/lastEventId of .* must be a string/, { lastEventId: 5 }],
    [/signal of .* must be an AbortSignal/, { signal: {} }],
    [/info of .* must be an object/, { info: 'x' }],
    [/has no option "topic"/, { topic: ['x'] }],
  ])('%s', async (message, wrong) => {
    const opened = async () => await open({ hub, client: 'alice', ...wrong })
    const error = expect.objectContaining({ code: 'invalid-option' })
    await expect(opened()).rejects.toThrow(error)
    await expect(opened()).rejects.toThrow(message)
    await expect(opened()).rejects.toThrow(name)
  })

  test('a permission that has ended is answered 401, at which an EventSource stops', async () => {
    const response = await open({ hub, client: 'alice', expiresAt: clock.now() })
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toMatch(/^Bearer/)
    expect((await problemIn(response)).detail).toMatch(/has ended/)
    const open1 = await open({ hub, client: 'alice', expiresAt: clock.now() + 1 })
    expect(open1.status).toBe(200)
  })

  test('what the host changes before the body is read belongs to another stream', async () => {
    const topics = ['of-alice']
    const options = { hub, client: 'alice', topics, expiresAt: clock.now() + 5_000 }
    const response = await open(options)
    topics[0] = 'of-bob'
    Object.assign(options, { client: 'bob', expiresAt: clock.now() + 60_000 })
    const reader = readEvents(response)
    await clock.runPending()
    const ready = await reader.next(({ event }) => event === 'hub:ready')
    expect(JSON.parse(ready.data)).toMatchObject({ client: 'alice', topics: ['of-alice'] })
    await clock.advance(10_000)
    const bye = await reader.next(({ event }) => event === 'hub:bye')
    expect(JSON.parse(bye.data)).toEqual({ reason: 'expired' })
  })
})

test.each([{}, 5, { timeout: 0 }])('%j is no server of Bun', (server) => {
  const options = { hub, client: 'alice', server: server as never }
  expect(() => createStreamResponse(REQUEST, options)).toThrow(
    /server of createStreamResponse must be the server that Bun passes to fetch/,
  )
})
