/** Retained events: what a new stream receives before all others, and how it resumes when it is lost in between. */
import { describe, expect, test } from 'vitest'
import type { EventInput } from '../../../src/core/event.ts'
import type { EventItem } from '../../../src/hub/subscription/read-items.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { controlData, cursorOf, eventsNamed, publishedData } from '../../support/events.ts'
import { createHubHarness, SMALL } from '../../support/hub-harness.ts'
import { createLateJournal, type LateJournal } from '../../support/late-journal.ts'

const NEWS = { topic: 'news' }
const TOPICS = { topics: ['news'] }

const PRICE: EventInput = { event: 'price', key: 'ACME', retain: true, data: '1' }

/** As large that few fit into a batch of a stream with the smallest queue. */
const BIG = 'x'.repeat(9_000)

describe('a new stream', () => {
  test('receives what is retained after `hub:ready`, then where it starts, then what follows', async () => {
    const { hub, clock, connect } = createHubHarness()
    await hub.publish(NEWS, PRICE)
    await hub.publish(NEWS, { ...PRICE, key: 'INIT', data: '5' })
    await hub.publish(NEWS, { ...PRICE, data: '2' })
    const { id } = await hub.publish({ client: 'bob' }, { data: 'other' })
    const { stream, connection } = await connect('alice', TOPICS)
    expect(stream.events.map(({ event, id, data }) => [event, id, data]).slice(1)).toEqual([
      ['price', undefined, '5'],
      ['price', undefined, '2'],
      ['hub:beat', id, '15'],
    ])
    expect(eventsNamed(stream, 'hub:ready')).toMatchObject([{ id: `${id}r` }])
    expect(controlData(stream, 'hub:ready')).toMatchObject({ resume: 'fresh' })
    expect(connection.phase).toBe('live')
    const last = await hub.publish(NEWS, { ...PRICE, data: '3' })
    await clock.runPending()
    expect(stream.events.at(-1)).toMatchObject({ event: 'price', id: last.id, data: '3' })
  })

  test('with nothing retained at its addresses starts as ever', async () => {
    const { hub, journal, connect } = createHubHarness()
    await hub.publish({ topic: 'other' }, PRICE)
    const { stream } = await connect('alice', TOPICS)
    expect(stream.events).toMatchObject([{ event: 'hub:ready', id: journal.head().id }])
  })

  test('receives no more what empty data has removed; those connected learn of it', async () => {
    const { hub, clock, connect } = createHubHarness()
    await hub.publish(NEWS, PRICE)
    const present = await connect('alice', TOPICS)
    const { id: cursor } = await hub.publish('everyone', { data: 'x' })
    const { id } = await hub.publish(NEWS, { ...PRICE, data: '' })
    await clock.runPending()
    expect(present.stream.events.at(-1)).toMatchObject({ event: 'price', id, data: '' })
    const fresh = await connect('bob', TOPICS)
    expect(publishedData(fresh.stream)).toEqual([])
    const resumed = await connect('carol', { ...TOPICS, lastEventId: cursor })
    expect(publishedData(resumed.stream)).toEqual([''])
  })

  test('with a cursor receives what is retained after it, in order', async () => {
    const { hub, connect } = createHubHarness({ journalOptions: { maxEvents: 1 } })
    await hub.publish(NEWS, { ...PRICE, key: 'OLD' })
    const { id: cursor } = await hub.publish(NEWS, { data: 'seen' })
    const { id } = await hub.publish(NEWS, PRICE)
    await hub.publish(NEWS, { data: 'lost' })
    await hub.publish(NEWS, { data: 'last' })
    const { stream } = await connect('alice', { ...TOPICS, lastEventId: cursor })
    expect(publishedData(stream)).toEqual(['1', 'last'])
    expect(controlData(stream, 'hub:gap')).toMatchObject({ reason: 'evicted', earliest: id })
    const all = await connect('bob', { ...TOPICS, lastEventId: 'earliest' })
    expect(publishedData(all.stream)).toEqual(['1', '1', 'last'])
  })
})

describe('more than a stream can queue', () => {
  test('is sent as fast as it is read, and what is published meanwhile after it, once', async () => {
    const { hub, clock, connectNow } = createHubHarness(SMALL)
    for (let n = 0; n < 40; n++)
      await hub.publish(NEWS, { ...PRICE, key: `${n}`, data: `${n} ${BIG}` })
    const { stream, connection } = connectNow('alice', TOPICS)
    stream.stall()
    await clock.runPending()
    expect(connection.phase).toBe('catching-up')
    expect(connection.queuedBytes).toBeLessThan(SMALL.maxQueuedBytes ?? 0)
    // One that it has not received yet, one that it has, a new one, and others.
    const changed = []
    for (const key of ['39', '0', 'new']) {
      changed.push(await hub.publish(NEWS, { ...PRICE, key, data: `${key} again` }))
    }
    changed.push(await hub.publish(NEWS, { data: 'plain' }))
    await hub.publish(NEWS, { data: 'typing', ephemeral: true })
    stream.resume()
    await clock.runPending()
    const got = publishedData(stream).map((data) => data.replace(BIG, '').trim())
    const before = Array.from({ length: 39 }, (_, n) => `${n}`)
    expect(got).toEqual([...before, '39 again', '0 again', 'new again', 'plain', 'typing'])
    expect(stream.events.filter(({ id }) => id !== undefined).map(({ id }) => id)).toEqual([
      eventsNamed(stream, 'hub:ready')[0]?.id,
      eventsNamed(stream, 'hub:beat')[0]?.id,
      ...changed.map(({ id }) => id),
    ])
    expect(connection.phase).toBe('live')
    expect(stream.faults).toEqual([])
  })

  test('comes once more to a client that is cut in the middle, and then all that was published since', async () => {
    const { hub, clock, connectNow, connect } = createHubHarness(SMALL)
    for (let n = 0; n < 40; n++)
      await hub.publish(NEWS, { ...PRICE, key: `${n}`, data: `${n} ${BIG}` })
    const start = hub.cursor
    const { stream } = connectNow('alice', TOPICS)
    stream.stall()
    await clock.runPending()
    await hub.publish(NEWS, { data: 'plain' })
    await hub.publish(NEWS, { ...PRICE, key: '0', data: '0 again' })
    await clock.advance(16_000)
    stream.leave()
    expect(cursorOf(stream)).toBe(`${start}r`)
    const again = await connect('alice', { ...TOPICS, lastEventId: cursorOf(stream) })
    expect(publishedData(again.stream).map((data) => data.replace(BIG, '').trim())).toEqual([
      ...Array.from({ length: 39 }, (_, n) => `${n + 1}`),
      'plain',
      '0 again',
    ])
    expect(controlData(again.stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
    expect(eventsNamed(again.stream, 'hub:ready')[0]?.id).toBe(`${start}r`)
    expect(eventsNamed(again.stream, 'hub:beat')[0]?.id).toBe(start)
    expect(cursorOf(again.stream)).toBe(hub.cursor)
    expect(again.connection.phase).toBe('live')
  })

  test('and was removed before the client returns leaves what was published since', async () => {
    const { hub, connect } = createHubHarness()
    const { id: start } = await hub.publish(NEWS, PRICE)
    const { id } = await hub.publish(NEWS, { ...PRICE, data: '' })
    const { stream } = await connect('alice', { ...TOPICS, lastEventId: `${start}r` })
    expect(stream.events.slice(1)).toMatchObject([
      { event: 'hub:beat', id: start },
      { event: 'price', id, data: '' },
    ])
  })

  test('is reported if events were lost before the client returns', async () => {
    const { hub, connect } = createHubHarness({ journalOptions: { maxEvents: 1 } })
    const { id: start } = await hub.publish(NEWS, PRICE)
    for (const data of ['lost', 'left']) await hub.publish(NEWS, { data })
    const { stream } = await connect('alice', { ...TOPICS, lastEventId: `${start}r` })
    expect(publishedData(stream)).toEqual(['1', 'left'])
    expect(controlData(stream, 'hub:gap')).toMatchObject({ reason: 'evicted', requested: start })
  })

  test.each([
    ['of another epoch', 'other-1r'],
    ['of the future', undefined],
  ])('with a cursor %s starts anew, with a gap', async (_, lastEventId) => {
    const { hub, connect } = createHubHarness()
    await hub.publish(NEWS, PRICE)
    await hub.publish(NEWS, { data: 'before' })
    const future = hub.cursor.replace(/-.*/, '-99r')
    const { stream } = await connect('alice', { ...TOPICS, lastEventId: lastEventId ?? future })
    expect(publishedData(stream)).toEqual(['1'])
    expect(controlData(stream, 'hub:ready')).toMatchObject({ resume: 'gap' })
    expect(controlData(stream, 'hub:gap')).toEqual({
      requested: lastEventId ?? future,
      earliest: null,
      reason: 'epoch',
    })
    expect(eventsNamed(stream, 'hub:gap')[0]?.id).toBe(`${hub.cursor}r`)
    expect(cursorOf(stream)).toBe(hub.cursor)
  })

  test('is bounded: the oldest are evicted, and reported to those that missed them', async () => {
    const { hub, connect } = createHubHarness({ journalOptions: { maxRetainedBytes: 40_000 } })
    const { id: before } = await hub.publish(NEWS, { data: 'before' })
    for (let n = 0; n < 10; n++)
      await hub.publish(NEWS, { ...PRICE, key: `${n}`, data: `${n} ${BIG}` })
    const { stream } = await connect('alice', TOPICS)
    expect(publishedData(stream).map((data) => data[0])).toEqual(['6', '7', '8', '9'])
    expect(eventsNamed(stream, 'hub:gap')).toEqual([])
    const resumed = await connect('bob', { ...TOPICS, lastEventId: before })
    expect(controlData(resumed.stream, 'hub:gap')).toMatchObject({ reason: 'evicted' })
    expect(hub.stats().journal.retained).toMatchObject({ events: 4, evicted: 6, maxBytes: 40_000 })
  })
})

describe('a journal that answers late', () => {
  test('learns that a client has left which waits for more', async () => {
    const own = createMemoryJournal()
    const asked: (() => boolean)[] = []
    const journal: typeof own = {
      ...own,
      retained: (_keys, _after, _maxBytes, isNeeded = () => true) => {
        asked.push(isNeeded)
        return new Promise(() => {})
      },
    }
    const { hub, connect } = createHubHarness({ ...SMALL, journal: () => journal })
    for (let n = 0; n < 40; n++) await hub.publish(NEWS, { ...PRICE, key: `${n}`, data: BIG })
    const { stream } = await connect('alice', TOPICS)
    expect(asked.map((isNeeded) => isNeeded())).toEqual([true])
    stream.leave()
    expect(asked.map((isNeeded) => isNeeded())).toEqual([false])
  })

  test('may have stored a retained event that is delivered after the read: it comes once', async () => {
    let late: LateJournal | undefined
    const { hub, clock, connectNow } = createHubHarness({
      journal: (clock) => {
        late = createLateJournal({ clock })
        return late
      },
    })
    await hub.publish(NEWS, PRICE)
    await hub.publish(NEWS, { ...PRICE, key: 'INIT', data: '5' })
    const { stream, connection } = connectNow('alice', TOPICS)
    await hub.publish(NEWS, { ...PRICE, data: '2' })
    late?.answer('at answer')
    await clock.runPending()
    while (late && late.pendingReads > 0) {
      late.answer('at answer')
      await clock.runPending()
    }
    expect(publishedData(stream)).toEqual(['5', '2'])
    expect(connection.phase).toBe('live')
    expect(cursorOf(stream)).toBe(hub.cursor)
  })
})

describe('an iteration', () => {
  test('starts with what is retained, and resumes after that', async () => {
    const { hub, clock } = createHubHarness()
    await hub.publish(NEWS, PRICE)
    const iterator = hub.events(NEWS)[Symbol.asyncIterator]()
    await hub.publish(NEWS, { data: 'live' })
    await clock.runPending()
    const items = [(await iterator.next()).value, (await iterator.next()).value]
    expect(items).toMatchObject([
      { id: undefined, key: 'ACME', retained: true, data: '1' },
      { data: 'live' },
    ])
    await iterator.return?.()
  })

  test('that ends in between says where to go on', async () => {
    let fails = true
    const journal = createMemoryJournal()
    const failing: typeof journal = {
      ...journal,
      retained: async (...request) => {
        if (fails) throw new Error('The journal is away.')
        return await (journal.retained?.(...request) ?? { entries: [], done: true })
      },
    }
    const { hub, clock } = createHubHarness({ ...SMALL, journal: () => failing })
    for (let n = 0; n < 40; n++) await hub.publish(NEWS, { ...PRICE, key: `${n}`, data: BIG })
    const start = hub.cursor
    const iterator = hub.events(NEWS)[Symbol.asyncIterator]()
    await hub.publish(NEWS, { data: 'plain' })
    const read = async (from: AsyncIterator<EventItem>, last?: string) => {
      const data: string[] = []
      while (last === undefined || data.at(-1) !== last) {
        const [next] = await Promise.all([from.next(), clock.runPending()])
        data.push(next.value.data)
      }
      return data
    }
    const failure = await read(iterator).catch((error) => error)
    expect([failure.code, failure.lastEventId]).toEqual(['journal-unavailable', `${start}r`])
    fails = false
    const again = hub.events(NEWS, { lastEventId: failure.lastEventId })[Symbol.asyncIterator]()
    expect(await read(again, 'plain')).toHaveLength(41)
    await again.return?.()
  })
})

test('a journal that can’t retain events refuses them', async () => {
  const { retained, ...journal } = createMemoryJournal()
  expect(retained).toBeDefined()
  const { hub } = createHubHarness({ journal: () => journal })
  await expect(hub.publish(NEWS, PRICE)).rejects.toMatchObject({ code: 'invalid-event' })
  await hub.publish(NEWS, { ...PRICE, retain: false, replace: true })
})
