/** A journal that several hubs share: what it stored without delivering is read, once and in order. */
import { expect, test } from 'vitest'
import { clientKey, EVERYONE } from '../../src/core/address.ts'
import type { Position } from '../../src/core/cursor.ts'
import { encodeFrame } from '../../src/core/event.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import type { Backplane } from '../../src/journal/backplane.ts'
import type { AppendResult, JournalHandler } from '../../src/journal/journal.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'
import { controlData, cursorOf, publishedData } from '../support/events.ts'
import { createHubHarness, SMALL } from '../support/hub-harness.ts'
import { iterate } from '../support/iterations.ts'
import { createLateJournal, type LateJournal } from '../support/late-journal.ts'

/** A hub that receives nothing of what is stored while `state.deaf` is set. */
function setUp(
  backplane: Partial<Backplane> = {},
  { maxEvents, ...options }: Partial<HubOptions> & { readonly maxEvents?: number } = {},
) {
  const state = { deaf: false, ready: true, instances: undefined as number | undefined }
  let handler: JournalHandler | undefined
  const harness = createHubHarness({
    ...options,
    journal: (clock) => {
      const { append, ...inner } = createMemoryJournal({ clock, maxEvents })
      let head: Position = inner.head()
      return {
        ...inner,
        get ready() {
          return state.ready
        },
        append: async (key, event): Promise<AppendResult> => {
          const stored = await append(key, event)
          return { ...stored, instances: state.instances }
        },
        head: () => head,
        open: (hub) => {
          handler = hub
          inner.open({
            ...hub,
            deliver: (delivery) => {
              if (state.deaf) return
              head = delivery.entry ?? head
              hub.deliver(delivery)
            },
          })
        },
        backplane: {
          request: async () => ({ responses: [], asked: 0 }),
          useOnce: () => true,
          ...backplane,
        },
      }
    },
  })
  return { ...harness, state, missed }

  function missed(affects: (key: string) => boolean): void {
    state.deaf = false
    handler?.missed(affects)
  }
}

test('live connections at the addresses that missed an event read it, and others do not read', async () => {
  const { clock, hub, connect, broadcast, missed, state } = setUp()
  const alice = await connect('alice')
  const bob = await connect('bob')
  await broadcast('before')
  state.deaf = true
  await hub.publish({ client: 'alice' }, { data: 'missed' })
  await hub.publish({ client: 'bob' }, { data: 'missed by bob' })
  missed((key) => key === clientKey('alice'))
  expect(alice.connection.phase).toBe('live')
  await broadcast('after')
  await clock.runPending()
  expect(publishedData(alice.stream)).toEqual(['before', 'missed', 'after'])
  expect(publishedData(bob.stream)).toEqual(['before', 'after'])
  expect(hub.stats().metrics).toMatchObject({ replays: 1, replayedEvents: 1 })
})

test('an iteration over an address that missed an event reads it', async () => {
  const { clock, hub, missed, state } = setUp()
  const [alice, bob] = ['alice', 'bob'].map((client) => iterate(hub.events({ client }), clock))
  await hub.publish({ client: 'alice' }, { data: 'before' })
  state.deaf = true
  await hub.publish({ client: 'alice' }, { data: 'missed' })
  missed((key) => key === clientKey('alice'))
  await hub.publish({ client: 'alice' }, { data: 'after' })
  expect((await alice?.take())?.map(({ data }) => data)).toEqual(['before', 'missed', 'after'])
  expect(await bob?.take()).toEqual([])
  expect(hub.stats().metrics).toMatchObject({ replays: 1, replayedEvents: 1 })
})

test.each(['a new stream', 'a stream that reconnects'])(
  '%s that was reading when an event was missed reads again, and loses nothing',
  async (which) => {
    const made: LateJournal[] = []
    let deaf = false
    const { clock, connect, broadcast } = createHubHarness({
      journal: (clock) => {
        const late = createLateJournal({ clock })
        made.push(late)
        const open = (hub: JournalHandler) =>
          late.open({
            ...hub,
            deliver: (delivery) => (deaf ? hub.missed(() => true) : hub.deliver(delivery)),
          })
        return { ...late, open }
      },
    })
    const [late] = made
    const [seen] = await broadcast('seen')
    const lastEventId = which === 'a new stream' ? undefined : seen
    const { stream } = await connect('alice', { lastEventId })
    await broadcast('held')
    deaf = true
    await broadcast('missed')
    deaf = false
    await broadcast('after')
    while (late && late.pendingReads > 0) {
      late.answer('at request')
      await clock.runPending()
    }
    expect(publishedData(stream)).toEqual(['held', 'missed', 'after'])
    await broadcast('live')
    await clock.runPending()
    expect(publishedData(stream)).toEqual(['held', 'missed', 'after', 'live'])
  },
)

test.each([
  ['an event', 1_000],
  ['a gap', 1],
])(
  'a connection whose queue has no room for %s that it missed ends as slow',
  async (_, maxEvents) => {
    const { clock, connect, broadcast, state, missed } = setUp({}, { ...SMALL, maxEvents })
    const { connection, stream } = await connect('alice')
    stream.stall()
    // The first one is in the transport.
    await broadcast('x')
    await clock.runPending()
    const { maxQueuedBytes = 0 } = SMALL
    const { byteLength } = encodeFrame({ id: cursorOf(stream) ?? '', data: '' })
    while (connection.queuedBytes < maxQueuedBytes) {
      const room = maxQueuedBytes - connection.queuedBytes
      await broadcast('x'.repeat(Math.max(0, Math.min(20_000, room - byteLength))))
    }
    state.deaf = true
    await broadcast('missed', 'missed, too')
    missed(() => true)
    expect(connection.phase).toBe('closing')
    stream.resume()
    await clock.runPending()
    expect(controlData(stream, 'hub:bye')).toMatchObject({ reason: 'slow' })
    expect(connection.phase).toBe('ended')
  },
)

test('a live connection receives what a new epoch has, whose sequences start over, after a gap', async () => {
  const made: ReturnType<typeof createMemoryJournal>[] = []
  let handler: JournalHandler | undefined
  const { clock, connect, broadcast } = createHubHarness({
    journal: (clock) => {
      made.push(createMemoryJournal({ clock }))
      const current = () => made.at(-1) as (typeof made)[0]
      return {
        append: (...args) => current().append(...args),
        read: (...args) => current().read(...args),
        head: () => current().head(),
        open: (hub) => {
          handler = hub
          current().open(hub)
        },
        close: () => {},
      }
    },
  })
  const { stream } = await connect('alice')
  await broadcast('a', 'b', 'c')
  const flushed = createMemoryJournal({ clock })
  await flushed.append(EVERYONE, { data: 'missed' })
  made.push(flushed)
  if (handler) flushed.open(handler)
  handler?.missed(() => true)
  await broadcast('after')
  await clock.runPending()
  expect(publishedData(stream)).toEqual(['a', 'b', 'c', 'missed', 'after'])
  expect(controlData(stream, 'hub:gap')).toMatchObject({ reason: 'epoch' })
})

test('a connection that catches up twice receives each event once', async () => {
  const made: LateJournal[] = []
  let handler: JournalHandler | undefined
  const { clock, connect, broadcast } = createHubHarness({
    journal: (clock) => {
      const late = createLateJournal({ clock })
      made.push(late)
      const open = (hub: JournalHandler) => {
        handler = hub
        late.open(hub)
      }
      return { ...late, open }
    },
  })
  const [late] = made
  const { stream, connection } = await connect('alice')
  late?.answer('at answer')
  await clock.runPending()
  late?.hold()
  await broadcast('a')
  handler?.missed(() => true)
  expect(connection.phase).toBe('catching-up')
  handler?.missed(() => true)
  late?.release()
  await broadcast('b')
  while (late && late.pendingReads > 0) {
    late.answer('at request')
    await clock.runPending()
  }
  await broadcast('c')
  await clock.runPending()
  expect(publishedData(stream)).toEqual(['a', 'b', 'c'])
  expect(cursorOf(stream)).toBe(late?.head().id)
})

test('the number of hubs that had a listener is part of the result, for stored and ephemeral events', async () => {
  const { hub, state } = setUp({ relay: async () => ({ instances: 3 }) })
  state.instances = 2
  expect(await hub.publish('everyone', { data: 'x' })).toMatchObject({
    connections: 0,
    instances: 2,
  })
  expect(await hub.publish('everyone', { data: 'x', ephemeral: true })).toEqual({
    connections: 0,
    instances: 3,
  })
})

test('without other hubs the result has no number of hubs', async () => {
  const { hub } = setUp({ relay: async () => ({}) })
  for (const ephemeral of [false, true]) {
    const result = await hub.publish('everyone', { data: 'x', ephemeral })
    expect(result).toMatchObject({ connections: 0 })
    expect(result).not.toHaveProperty('instances')
  }
})

test('without its journal a hub is not ready, and refuses streams', async () => {
  const { hub, connect, state } = setUp()
  expect(hub.ready).toBe(true)
  state.ready = false
  expect(hub.ready).toBe(false)
  await expect(connect('alice')).rejects.toThrow(expect.objectContaining({ code: 'at-capacity' }))
  state.ready = true
  await connect('alice')
})
