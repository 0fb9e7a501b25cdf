/** What is retained reaches components that mount later, whatever the page does meanwhile. */
import { expect, test } from 'vitest'
import type { PageStreamOptions } from '../../../src/client/components/page-stream.ts'
import { listenOnPage } from '../../../src/client/components/page-streams.ts'
import type { ReceivedEvent } from '../../../src/client/stream-types.ts'
import type { Address } from '../../../src/core/address.ts'
import type { EventInput } from '../../../src/core/event.ts'
import { createApp } from '../../../src/http/app.ts'
import { createHub } from '../../../src/hub/hub.ts'
import type { HubOptions } from '../../../src/hub/options.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { manualClock } from '../../support/clock.ts'

let count = 0
function createPage(options: HubOptions = {}) {
  count += 1
  const client = `alice-${count}`
  const clock = manualClock()
  const hub = createHub({ clock, ...options })
  const app = createApp({ hub, access: 'anyone' })
  const send = (async (url: string, init?: RequestInit) => app.request(url, init)) as typeof fetch
  return { client, hub, app, mount, publish }

  async function mount(onEvent = (_: ReceivedEvent) => {}, more: Partial<PageStreamOptions> = {}) {
    const received: string[] = []
    const base = { url: 'http://hub/sse', client, clock, fetch: send, topics: ['red'] }
    listenOnPage({ ...base, ...more }, (stream, isMine) =>
      stream.onAny((event) => {
        if (!isMine(event)) return
        received.push(event.data)
        onEvent(event)
      }),
    )
    await clock.runPending()
    return received
  }
  async function publish(address: Address, event: EventInput) {
    await hub.publish(address, event)
    await clock.runPending()
  }
}
const RED = { topic: 'red' }

test('a value without a key reaches a component that mounts later', async () => {
  const { mount, publish } = createPage()
  await publish(RED, { data: 'on', retain: true })
  expect(await mount()).toEqual(['on'])
  expect(await mount()).toEqual(['on'])
})

test.each([{}, { ephemeral: true }])(
  'an event with the key that does not replace (%o) leaves the value',
  async (more) => {
    const { mount, publish } = createPage()
    await publish(RED, { data: '1', key: 'k', retain: true })
    await mount()
    await publish(RED, { data: 'note', key: 'k', ...more })
    // A stream of its own still receives it.
    expect(await mount(undefined, { share: 'own' })).toEqual(['1'])
    expect(await mount()).toEqual(['1'])
  },
)

test('the values of the client and of everyone with one key are two', async () => {
  const { client, mount, publish } = createPage()
  await publish({ client }, { data: 'mine', key: 'k', retain: true })
  await publish('everyone', { data: 'all', key: 'k', retain: true })
  expect((await mount()).sort()).toEqual(['all', 'mine'])
  expect((await mount()).sort()).toEqual(['all', 'mine'])
})

test('values that the hub has evicted are not kept for ever', async () => {
  const { mount, publish } = createPage({
    journal: createMemoryJournal({ maxRetainedBytes: 2_000 }),
  })
  await mount()
  for (let n = 0; n < 200; n += 1) await publish(RED, { data: `${n}`, key: `${n}`, retain: true })
  const own = await mount(undefined, { share: 'own' })
  expect(own.length).toBeLessThan(100)
  expect((await mount()).length).toBeLessThanOrEqual(own.length)
})

test('a component that mounts at an event receives the value that the next one replaces', async () => {
  const { hub, mount, publish } = createPage()
  let late: Promise<string[]> | undefined
  await publish(RED, { data: '1', key: 'k', retain: true })
  await mount(({ event }) => {
    if (event === 'go') late ??= mount()
  })
  await Promise.all([
    hub.publish(RED, { event: 'go', data: '' }),
    hub.publish(RED, { data: '2', key: 'k', retain: true }),
  ])
  await publish(RED, { data: 'end' })
  expect((await late)?.filter((data) => /[12]/.test(data)).at(-1)).toBe('2')
})

test('a component that mounts as a value arrives receives it once', async () => {
  const { mount, publish } = createPage()
  let late: Promise<string[]> | undefined
  await mount(() => {
    late ??= mount()
  })
  await publish(RED, { data: '1', key: 'k', retain: true })
  expect(await late).toEqual(['1'])
})

test('an onError that throws costs no value', async () => {
  const { mount, publish } = createPage()
  const unhandled: unknown[] = []
  const note = (error: unknown) => void unhandled.push(error)
  process.on('unhandledRejection', note)
  const onError = (error: unknown) => {
    throw error
  }
  for (const key of ['a', 'b']) await publish(RED, { data: key, key, retain: true })
  await mount(undefined, { onError })
  const received = await mount(
    () => {
      throw new Error('listener')
    },
    { onError },
  )
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', note)
  expect(received).toEqual(['a', 'b'])
  expect(unhandled).toEqual([])
})

test('a component that waits for what is retained receives it after a gap, too', async () => {
  const clock = manualClock()
  const encoder = new TextEncoder()
  const streams: ReadableStreamDefaultController<Uint8Array>[] = []
  const send = (async () => {
    const body = new ReadableStream<Uint8Array>({ start: (own) => void streams.push(own) })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  }) as typeof fetch
  const mount = async () => {
    const received: string[] = []
    const options = { url: 'http://hub/sse', client: 'gap', clock, fetch: send, topics: ['red'] }
    listenOnPage(options, (stream, isMine) =>
      stream.onAny((event) => {
        if (isMine(event)) received.push(event.data)
      }),
    )
    await clock.runPending()
    return received
  }
  const write = async (...frames: string[]) => {
    streams.at(-1)?.enqueue(encoder.encode(frames.map((frame) => `${frame}\n\n`).join('')))
    await clock.runPending()
  }
  const ready = (id: string) => `id: ${id}\nevent: hub:ready\ndata: {"heartbeatMs":15000}`
  const value = ': key k\n: retained\n: topic red\ndata: value'
  const beat = (id: string) => `id: ${id}\nevent: hub:beat\ndata: 15`
  await mount()
  await write(ready('e-1r'), value, beat('e-1'))
  await mount()
  await write(ready('e-1r'), value, beat('e-1'))
  const late = await mount()
  await write('id: e-5\nevent: hub:gap\ndata: {"reason":"evicted","earliest":null}')
  await clock.advance(1_000)
  expect(streams).toHaveLength(3)
  await write(ready('e-5r'), value, beat('e-5'))
  expect(late).toEqual(['value'])
})
