/** An event stream of the application's own is published event by event, and ends in one of four ways. */
import { expect, onTestFinished, test } from 'vitest'
import { z } from 'zod'
import { createHub } from '../../../src/hub/hub.ts'
import type { HubOptions } from '../../../src/hub/options.ts'
import type { Journal } from '../../../src/journal/journal.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { unavailable } from '../../../src/journal/unavailable.ts'
import { manualClock } from '../../support/clock.ts'

const ALICE = { client: 'alice' }
const encoder = new TextEncoder()
const decoder = new TextDecoder()

function setUp(options: HubOptions = {}) {
  const hub = createHub(options)
  onTestFinished(() => hub.close())
  return { hub, stored }

  /** Everything that the journal keeps for alice. */
  async function stored(count: number): Promise<{ event: string; data: unknown }[]> {
    const items: { event: string; data: unknown }[] = []
    if (count === 0) return items
    for await (const item of hub.events(ALICE, { lastEventId: 'earliest' })) {
      if ('data' in item) items.push({ event: item.event, data: item.data })
      if (items.length === count) break
    }
    return items
  }
}

/** A stream that the test feeds. */
function feed() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  let cancelled = false
  const stream = new ReadableStream<Uint8Array>({
    start(own) {
      controller = own
    },
    cancel() {
      cancelled = true
    },
  })
  return {
    stream,
    push: (text: string) => controller?.enqueue(encoder.encode(text)),
    close: () => controller?.close(),
    fail: (error: Error) => controller?.error(error),
    get cancelled() {
      return cancelled
    },
  }
}

test('events are published as they arrive, with their names, wherever the bytes are cut', async () => {
  const { hub, stored } = setUp()
  const { stream, push, close } = feed()
  const done = hub.pipe(ALICE, stream)
  for (const text of ['event: del', 'ta\ndata: {"text":"x"}\n', '\n: ping\n\ndata: a\nda'])
    push(text)
  expect(await stored(1)).toEqual([{ event: 'delta', data: '{"text":"x"}' }])
  push('ta: b\n\ndata: unfinished')
  close()
  expect(await done).toEqual({ published: 2, id: expect.stringMatching(/-2$/) })
  expect(await stored(2)).toMatchObject([{ event: 'delta' }, { event: 'message', data: 'a\nb' }])
})

test('options name the events, and make them ephemeral', async () => {
  const { hub } = setUp()
  async function* source() {
    yield 'event: a\ndata: 1\n\n'
    yield encoder.encode('data: 2\n\n')
  }
  expect(await hub.pipe(ALICE, source(), { event: 'token', ephemeral: true })).toEqual({
    published: 2,
  })
})

test('a stop ends the pipe on this hub, cancels the stream, and publishes the last event', async () => {
  const { hub, stored } = setUp()
  const source = feed()
  const done = hub.pipe(ALICE, source.stream, { key: 'answer', onAbort: 'cut-off' })
  source.push('data: 1\n\n')
  await stored(1)
  expect(await hub.stop('alice', 'other')).toEqual({ stopped: 0 })
  expect(await hub.stop('bob', 'answer')).toEqual({ stopped: 0 })
  expect(await hub.stop('alice', 'answer')).toEqual({ stopped: 1 })
  expect(await done).toMatchObject({ published: 1, stopped: true })
  expect(source.cancelled).toBe(true)
  expect(await stored(2)).toMatchObject([
    { data: '1' },
    { event: 'cut-off', data: '{"reason":"aborted","key":"answer"}' },
  ])
  expect(await hub.stop('alice', 'answer')).toEqual({ stopped: 0 })
})

test('a pipe stays with its addresses when their list changes', async () => {
  const { hub, stored } = setUp()
  const source = feed()
  const to = [{ client: 'alice' }, { client: 'carol' }]
  const piped = hub.pipe(to, source.stream, { key: 'k', onAbort: 'cut-off' })
  to.splice(0, 2, { client: 'bob' })
  source.push('data: for alice\n\n')
  expect(await stored(1)).toEqual([{ event: 'message', data: 'for alice' }])
  expect(await hub.stop('alice', 'k')).toEqual({ stopped: 1 })
  await piped
  expect(await stored(2)).toMatchObject([{ data: 'for alice' }, { event: 'cut-off' }])
  await hub.publish({ client: 'bob' }, { data: 'for bob' })
  for await (const { data } of hub.events({ client: 'bob' }, { lastEventId: 'earliest' })) {
    expect(data).toBe('for bob')
    break
  }
})

test('a signal ends the pipe while its source is silent', async () => {
  const { hub } = setUp()
  const abort = new AbortController()
  const source = feed()
  const done = hub.pipe(ALICE, source.stream, { signal: abort.signal })
  abort.abort()
  expect(await done).toEqual({ published: 0, stopped: true })
  expect(await hub.pipe(ALICE, feed().stream, { signal: abort.signal })).toEqual({
    published: 0,
    stopped: true,
  })
})

test('a chunk that is neither text nor bytes ends the pipe, and is not left out in silence', async () => {
  const { hub, stored } = setUp()
  const state = { isCancelled: false }
  const chunks = new ReadableStream<unknown>({
    start: (controller) => {
      for (const chunk of ['data: one\n\n', { data: 'two' }]) controller.enqueue(chunk)
    },
    cancel: () => {
      state.isCancelled = true
    },
  })
  const piped = hub.pipe(ALICE, chunks as ReadableStream<string>, { onAbort: 'cut' })
  await expect(piped).rejects.toThrow(TypeError)
  expect((await stored(2)).map(({ event }) => event)).toEqual(['message', 'cut'])
  expect(state.isCancelled).toBe(true)
})

test.each([
  ['a response', () => new Response('data: 1\n\n')],
  ['the body of an empty response', () => null],
  ['nothing', () => undefined],
  ['a number', () => 7],
  ['an object', () => ({ next: () => ({ done: true }) })],
])('%s is refused as a source before anything is published', async (_, source) => {
  const { hub } = setUp()
  const piped = hub.pipe(ALICE, source() as never, { onAbort: 'cut' })
  await expect(piped).rejects.toMatchObject({ code: 'invalid-option' })
  expect(hub.cursor).toMatch(/-0$/)
})

test('text is one chunk', async () => {
  const { hub, stored } = setUp()
  expect(await hub.pipe(ALICE, 'data: one\n\ndata: two\n\n')).toMatchObject({ published: 2 })
  expect((await stored(2)).map(({ data }) => data)).toEqual(['one', 'two'])
})

test.each([[{ event: 'hub:own' }], [{ event: 'two\nlines' }], [{ event: '' }]])(
  '%j is refused at once',
  async (options) => {
    const { hub } = setUp()
    const piped = hub.pipe(ALICE, [], options)
    await expect(piped).rejects.toMatchObject({ code: 'invalid-option' })
  },
)

test('a source that fails rejects the pipe, and its last event says so', async () => {
  const { hub, stored } = setUp()
  const source = feed()
  const done = hub.pipe(ALICE, source.stream, { onAbort: 'cut-off' })
  const failed = expect(done).rejects.toThrow('provider gone')
  source.push('data: 1\n\n')
  await stored(1)
  source.fail(new Error('provider gone'))
  await failed
  expect((await stored(2))[1]).toEqual({ event: 'cut-off', data: '{"reason":"broken"}' })
})

test.each([
  ['event: hub:ready\ndata: 2\n\n', 'invalid-event'],
  ['event: error\ndata: 2\n\n', 'invalid-event'],
  [`data: ${'x'.repeat(101)}\n\n`, 'event-too-large'],
  [`data: ${'x'.repeat(10_000)}`, 'event-too-large'],
])('the first event that is refused ends the pipe: %#', async (refused, code) => {
  const { hub, stored } = setUp({ maxEventBytes: 100 })
  const source = feed()
  const done = hub.pipe(ALICE, source.stream, { onAbort: 'cut-off' })
  const failed = expect(done).rejects.toMatchObject({ code })
  source.push(`data: 1\n\n${refused}data: 3\n\n`)
  await failed
  expect(source.cancelled).toBe(true)
  expect((await stored(2)).map(({ data }) => data)).toEqual(['1', '{"reason":"refused"}'])
})

test.each([
  [{ onAbort: 'error' }, 'invalid-option'],
  [{ key: 'a\nb' }, 'invalid-event'],
  [{ kye: 'a' } as object, 'invalid-option'],
  [{ onAbort: 'undeclared' }, 'invalid-option'],
  [{ onAbort: 'message' }, 'invalid-option'],
])('options are checked before anything is read: %j', async (options, code) => {
  const { hub } = setUp({ events: { message: z.string() } })
  const source = feed()
  await expect(hub.pipe(ALICE, source.stream, options)).rejects.toMatchObject({ code })
  expect(source.stream.locked).toBe(false)
  expect(await hub.stop('alice', 'k')).toMatchObject({ stopped: 0 })
})

test('a declared event of onAbort may have an asynchronous schema, and a stop in the meantime counts', async () => {
  const cut = z.object({ reason: z.string(), key: z.string() }).refine(async () => true)
  const { hub, stored } = setUp({ events: { message: z.string(), cut } })
  const done = hub.pipe(ALICE, feed().stream, { key: 'k', onAbort: 'cut' })
  expect(await hub.stop('alice', 'k')).toMatchObject({ stopped: 1 })
  expect(await done).toEqual({ published: 0, stopped: true })
  expect(await stored(1)).toMatchObject([{ event: 'cut', data: '{"reason":"aborted","key":"k"}' }])
})

test.each([ALICE, { topic: 'news' }])(
  'its key is that of all events, also of the last: %j',
  async (address) => {
    const { hub } = setUp()
    const source = feed()
    const failed = expect(
      hub.pipe(address, source.stream, { key: 'k', onAbort: 'cut-off' }),
    ).rejects.toThrow('provider gone')
    source.push('data: 1\n\n')
    const items = hub.events(address, { lastEventId: 'earliest' })[Symbol.asyncIterator]()
    expect((await items.next()).value).toMatchObject({ data: '1', key: 'k' })
    source.fail(new Error('provider gone'))
    expect((await items.next()).value).toMatchObject({ event: 'cut-off', key: 'k' })
    await failed
    // So the final text replaces them.
    await hub.publish(address, { data: 'whole', key: 'k', replace: true })
    const anew = hub.events(address, { lastEventId: 'earliest' })[Symbol.asyncIterator]()
    expect((await anew.next()).value).toMatchObject({ data: 'whole' })
  },
)

test('a pipe that could not begin is not stopped later', async () => {
  const { hub } = setUp()
  const source = feed().stream
  source.getReader()
  await expect(hub.pipe(ALICE, source, { key: 'k' })).rejects.toThrow(TypeError)
  expect(await hub.stop('alice', 'k')).toEqual({ stopped: 0 })
})

test('a second stop has nothing to stop', async () => {
  const { hub } = setUp()
  const done = hub.pipe(ALICE, feed().stream, { key: 'k' })
  const stops = [hub.stop('alice', 'k'), hub.stop('alice', 'k')]
  expect(await Promise.all(stops)).toEqual([{ stopped: 1 }, { stopped: 0 }])
  await done
})

test('a hub that closes ends its pipes, whose last events it still stores', async () => {
  const published: unknown[] = []
  const journal = createMemoryJournal()
  const { append } = journal
  const own = {
    ...journal,
    append: (...args: Parameters<typeof append>) => {
      published.push(args[1].event)
      return append(...args)
    },
  }
  const { hub } = setUp({ journal: own })
  const source = feed()
  const done = hub.pipe(ALICE, source.stream, { onAbort: 'cut-off' })
  const failed = expect(done).rejects.toMatchObject({ code: 'hub-closed' })
  await hub.close()
  await failed
  expect(source.cancelled).toBe(true)
  expect(published).toEqual(['cut-off'])
  await expect(hub.pipe(ALICE, feed().stream)).rejects.toMatchObject({ code: 'hub-closed' })
})

test('the last event of a stream that the journal refused arrives once it stores events again', async () => {
  const clock = manualClock()
  const memory = createMemoryJournal({ clock })
  let isAway = false
  const journal: Journal = {
    ...memory,
    append: (...args) => {
      if (isAway) throw unavailable('can’t be reached')
      return memory.append(...args)
    },
  }
  const errors: unknown[] = []
  const { hub } = setUp({ clock, journal, onError: (error) => void errors.push(error) })
  const count = () => memory.stats?.events
  isAway = true
  const piped = hub.pipe(ALICE, 'data: x\n\n', { onAbort: 'gone' })
  await expect(piped).rejects.toMatchObject({ code: 'journal-unavailable' })
  await clock.advance(5_000)
  expect([count(), errors.length]).toEqual([0, 1])
  isAway = false
  await clock.advance(1_000)
  await clock.advance(10_000)
  expect(count()).toBe(1)
  const { entries } = await memory.read(['c:alice'], 'earliest', 1e6)
  expect(decoder.decode(entries[0]?.frame)).toContain('event: gone\ndata: {"reason":"refused"}')
})

test('a stream that is repeated during an outage has one last event, or none if it begins after all', async () => {
  const clock = manualClock()
  const memory = createMemoryJournal({ clock })
  let isAway = true
  const journal: Journal = {
    ...memory,
    append: (...args) => {
      if (isAway) throw unavailable('can’t be reached')
      return memory.append(...args)
    },
  }
  const { hub } = setUp({ clock, journal, onError: () => {} })
  const pipe = (key: string) => hub.pipe(ALICE, `data: ${key}\n\n`, { onAbort: 'gone', key })
  for (let n = 0; n < 50; n++) {
    for (const key of ['cut', 'repeated']) await pipe(key).catch(() => {})
  }
  isAway = false
  const repeated = pipe('repeated')
  await clock.advance(5_000)
  await repeated
  const { entries } = await memory.read(['c:alice'], 'earliest', 1e6)
  const data = entries.map(({ frame }) => /data: (.*)/.exec(decoder.decode(frame))?.[1])
  expect(data).toEqual(['repeated', '{"reason":"refused","key":"cut"}'])
})
