/** Replay from a journal that answers at once: nothing is lost, sent twice or out of order. */
import { describe, expect, test } from 'vitest'
import { createHub } from '../../src/hub/hub.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'
import { manualClock } from '../support/clock.ts'
import { controlData, cursorOf, eventsNamed, publishedData } from '../support/events.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { createHubHarness, SMALL } from '../support/hub-harness.ts'

const BIG = 'x'.repeat(20_000)
const many = (count: number, name = 'n') => Array.from({ length: count }, (_, i) => `${name}${i}`)

describe('what was missed', () => {
  test('comes first, oldest first, exactly once; live events follow', async () => {
    const { clock, hub, connect, broadcast } = createHubHarness()
    const [seen] = await broadcast('seen')
    await broadcast('a')
    await hub.publish({ client: 'alice' }, { data: 'b' })
    await hub.publish({ client: 'bob' }, { data: 'not hers' })
    await hub.publish({ topic: 'news' }, { data: 'c' })
    await hub.publish({ topic: 'sport' }, { data: 'not hers' })
    const { stream } = await connect('alice', { topics: ['news'], lastEventId: seen })
    await broadcast('d')
    await clock.runPending()
    expect(controlData(stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
    expect(publishedData(stream)).toEqual(['a', 'b', 'c', 'd'])
  })

  test('comes before an event published in the same turn as the reconnect', async () => {
    const { clock, connectNow, broadcast } = createHubHarness()
    const [seen] = await broadcast('seen', 'a')
    void broadcast('b')
    const { stream } = connectNow('alice', { lastEventId: seen })
    void broadcast('c')
    await clock.runPending()
    expect(publishedData(stream)).toEqual(['a', 'b', 'c'])
  })

  test('is complete, a thousand events among ten thousand for other clients', async () => {
    const { clock, hub, connect, broadcast } = createHubHarness()
    const [seen] = await broadcast('seen')
    const mine = many(1_000)
    for (const data of mine) {
      void hub.publish({ client: 'alice' }, { data })
      for (let i = 0; i < 10; i++) void hub.publish({ client: `other-${i}` }, { data: 'other' })
    }
    await clock.runPending()
    const { stream } = await connect('alice', { lastEventId: seen })
    expect(controlData(stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
    expect(publishedData(stream)).toEqual(mine)
  })

  test('is one event too many, and a gap precedes the remaining thousand', async () => {
    const { clock, hub, connect, broadcast } = createHubHarness()
    const [seen] = await broadcast('seen')
    const mine = many(1_001)
    for (const data of mine) void hub.publish({ client: 'alice' }, { data })
    await clock.runPending()
    const { stream } = await connect('alice', { lastEventId: seen })
    expect(controlData(stream, 'hub:ready')).toMatchObject({ resume: 'gap' })
    expect(publishedData(stream)).toEqual(mine.slice(1))
  })
})

describe('a replay of many batches', () => {
  test('waits for the transport between batches', async () => {
    const { clock, journal, connectNow, broadcast } = createHubHarness(SMALL)
    const start = journal.head().id
    const data = many(50, BIG)
    await broadcast(...data)
    const stream = fakeStream()
    stream.stall()
    const { connection } = connectNow('alice', { lastEventId: start, stream })
    await clock.runPending()
    expect(connection.open).toBe(true)
    expect(connection.queuedBytes).toBeLessThan((SMALL.maxQueuedBytes ?? 0) / 2)
    stream.resume()
    await clock.runPending()
    expect(publishedData(stream)).toEqual(data)
    expect(stream.faults).toEqual([])
    expect(connection.open).toBe(true)
  })

  test('neither loses nor repeats an event published meanwhile', async () => {
    const { clock, journal, connectNow, broadcast } = createHubHarness(SMALL)
    const start = journal.head().id
    const expected = many(6, BIG)
    await broadcast(...expected)
    const { stream } = connectNow('alice', { lastEventId: start })
    for (let i = 0; i < 20; i++) {
      stream.stall()
      const late = many(2, `${i} ${BIG}`)
      expected.push(...late)
      await broadcast(...late)
      await clock.runPending()
      stream.resume()
      if (i % 3 === 0) await clock.runPending()
    }
    await clock.runPending()
    expect(publishedData(stream)).toEqual(expected)
    expect(eventsNamed(stream, 'hub:gap')).toEqual([])
  })

  test('continues from the cursor when the client drops halfway', async () => {
    const { clock, journal, connectNow, connect, broadcast } = createHubHarness(SMALL)
    const start = journal.head().id
    const data = many(10, BIG)
    await broadcast(...data)
    const first = connectNow('alice', { lastEventId: start })
    let pages = 0
    // The first two writes complete; the third stays pending.
    const write = first.stream.write
    Object.assign(first.stream, {
      write: (bytes: Uint8Array) => {
        pages += 1
        if (pages === 3) first.stream.stall()
        return write(bytes)
      },
    })
    await clock.runPending()
    first.stream.leave()
    const back = await connect('alice', { lastEventId: cursorOf(first.stream) })
    expect(publishedData(first.stream).length).toBeLessThan(10)
    expect([...publishedData(first.stream), ...publishedData(back.stream)]).toEqual(data)
  })

  test('reports a gap that occurs halfway, before the rest', async () => {
    const { clock, journal, connectNow, broadcast } = createHubHarness({
      ...SMALL,
      journalOptions: { maxEvents: 10 },
    })
    const start = journal.head().id
    const old = many(10, BIG)
    await broadcast(...old)
    const stream = fakeStream()
    stream.stall()
    connectNow('alice', { lastEventId: start, stream })
    await clock.runPending()
    const fresh = many(10, `fresh ${BIG}`)
    const [earliest] = await broadcast(...fresh)
    stream.resume()
    await clock.runPending()
    expect(controlData(stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
    const got = publishedData(stream)
    const before = got.length - fresh.length
    expect(got).toEqual([...old.slice(0, before), ...fresh])
    expect(controlData(stream, 'hub:gap')).toMatchObject({ earliest, reason: 'evicted' })
    const at = stream.events.findIndex(({ event }) => event === 'hub:gap')
    expect(stream.events[at + 1]?.id).toBe(earliest)
  })

  test('delivers ephemeral events at once, and heartbeats without moving the cursor', async () => {
    const { clock, hub, journal, connectNow, broadcast } = createHubHarness({
      ...SMALL,
      heartbeatMs: 1_000,
    })
    const start = journal.head().id
    const data = many(6, BIG)
    await broadcast(...data)
    const stream = fakeStream()
    stream.stall()
    connectNow('alice', { lastEventId: start, stream })
    await clock.runPending()
    await hub.publish('everyone', { data: 'now', event: 'typing', ephemeral: true })
    await clock.advance(1_500)
    stream.resume()
    await clock.runPending()
    expect(eventsNamed(stream, 'hub:beat').map(({ id }) => id)).toEqual([undefined])
    expect(eventsNamed(stream, 'typing')).toHaveLength(1)
    expect(publishedData(stream).filter((text) => text !== 'now')).toEqual(data)
    await clock.advance(1_500)
    expect(eventsNamed(stream, 'hub:beat').at(-1)?.id).toBe(journal.head().id)
  })
})

describe('an event larger than the queue of the hub that replays it', () => {
  test('is sent anyway, with what follows it, as the bound was higher when it was published', async () => {
    const clock = manualClock()
    const inner = createMemoryJournal({ clock })
    const start = inner.head().id
    const before = createHub({
      clock,
      journal: Object.assign(Object.create(inner), { close: () => {} }),
    })
    const larger = 'x'.repeat(200_000)
    await before.publish('everyone', { data: larger })
    await before.publish('everyone', { data: 'next' })
    await before.close()
    const { connect } = createHubHarness({ ...SMALL, journal: () => inner })
    const { stream, connection } = await connect('alice', { lastEventId: start })
    expect(publishedData(stream)).toEqual([larger, 'next'])
    expect(connection.open).toBe(true)
  })
})

describe('a journal that fails at once', () => {
  /** A journal in memory whose readings fail while `broken` is set. */
  function setUp() {
    const failures: unknown[] = []
    const state = { broken: false }
    const harness = createHubHarness({
      ...SMALL,
      onError: (error, work) => void failures.push([String(error), work]),
    })
    const { read } = harness.journal
    Object.assign(harness.journal, {
      read: (...question: Parameters<typeof read>) => {
        if (state.broken) throw new Error('The disk is gone.')
        return read(...question)
      },
    })
    return { ...harness, failures, state }
  }

  test('ends the stream that requested the read, and reports the error', async () => {
    const { clock, hub, connectNow, connect, broadcast, failures, state } = setUp()
    const good = await connect('alice')
    state.broken = true
    const bad = fakeStream()
    try {
      connectNow('bob', { lastEventId: 'earliest', stream: bad })
    } catch {
      // Whether the call throws is left open; that no connection is left behind is not.
    }
    await broadcast('a')
    await clock.runPending()
    expect(hub.stats()).toMatchObject({ connections: 1, closing: 0 })
    expect(failures).toEqual([['Error: The disk is gone.', 'replay']])
    expect(publishedData(good.stream)).toEqual(['a'])
  })

  test('between two batches does not stop other clients', async () => {
    const { clock, hub, journal, connectNow, connect, broadcast, failures, state } = setUp()
    const start = journal.head().id
    const good = await connect('alice')
    await broadcast(...many(10, BIG))
    await clock.runPending()
    connectNow('bob', { lastEventId: start })
    state.broken = true
    await clock.runPending().catch(() => {})
    void broadcast('after')
    await clock.runPending()
    expect(publishedData(good.stream).at(-1)).toBe('after')
    expect(failures).toEqual([['Error: The disk is gone.', 'replay']])
    expect(hub.stats()).toMatchObject({ connections: 1, closing: 0 })
  })
})
