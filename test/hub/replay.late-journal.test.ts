/** Replay from a journal that answers late: events between request and answer count, too. */
import { describe, expect, test } from 'vitest'
import type { Journal } from '../../src/journal/journal.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'
import { controlData, cursorOf, eventsNamed, publishedData } from '../support/events.ts'
import type { FakeStream } from '../support/fake-stream.ts'
import { createHubHarness, type HubHarnessOptions, SMALL } from '../support/hub-harness.ts'
import { createLateJournal, type LateJournal } from '../support/late-journal.ts'

const BIG = 'x'.repeat(20_000)
const many = (count: number, name = 'n') => Array.from({ length: count }, (_, i) => `${name}${i}`)

function setUp({ journalOptions, ...options }: Omit<HubHarnessOptions, 'journal'> = {}) {
  const made: LateJournal[] = []
  const harness = createHubHarness({
    ...options,
    journal: (clock) => {
      const late = createLateJournal({ clock, ...journalOptions })
      made.push(late)
      return late
    },
  })
  const [late] = made
  if (!late) throw new Error('The harness created no journal.')
  return { ...harness, late, answerAll }

  async function answerAll(state: 'at request' | 'at answer'): Promise<void> {
    await harness.clock.runPending()
    while (late && late.pendingReads > 0) {
      late.answer(state)
      await harness.clock.runPending()
    }
  }
}

describe.each(['at request', 'at answer'] as const)(
  'a read that returns the events stored %s',
  (state) => {
    test('neither loses nor repeats an event published before the response', async () => {
      const { clock, late, connect, broadcast } = setUp()
      const [seen] = await broadcast('seen', 'a')
      const { stream } = await connect('alice', { lastEventId: seen })
      await broadcast('b', 'c')
      expect(stream.events).toEqual([])
      late.answer(state)
      await clock.runPending()
      await broadcast('d')
      await clock.runPending()
      expect(controlData(stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
      expect(publishedData(stream)).toEqual(['a', 'b', 'c', 'd'])
      expect(late.pendingReads).toBe(0)
    })

    test('is of no use to a client that has left before the response', async () => {
      const { clock, hub, late, connect, broadcast } = setUp()
      const [seen] = await broadcast('seen', 'a')
      const { connection, stream } = await connect('alice', { lastEventId: seen })
      connection.abort()
      late.answer(state)
      await clock.runPending()
      expect(stream.events).toEqual([])
      const { openings, replayedEvents } = hub.stats().metrics
      expect([openings.complete, replayedEvents]).toEqual([0, 0])
    })

    test('neither loses nor repeats an event that was stored but not yet delivered', async () => {
      const { clock, late, connect, broadcast } = setUp()
      const [seen] = await broadcast('seen')
      late.hold()
      await broadcast('a')
      const { stream } = await connect('alice', { lastEventId: seen })
      await broadcast('b')
      late.answer(state)
      await clock.runPending()
      late.release()
      await clock.runPending()
      await broadcast('c')
      await clock.runPending()
      expect(publishedData(stream)).toEqual(['a', 'b', 'c'])
    })

    test('neither loses nor repeats an event when more arrive than may be queued', async () => {
      const { clock, late, connect, broadcast, answerAll } = setUp(SMALL)
      const [seen] = await broadcast('seen')
      const { stream } = await connect('alice', { lastEventId: seen })
      const expected = many(10, BIG)
      await broadcast(...expected)
      late.answer(state)
      for (let i = 0; i < 3; i++) {
        await clock.runPending()
        const more = many(3, `more ${i} ${BIG}`)
        expected.push(...more)
        await broadcast(...more)
        late.answer(state)
      }
      await answerAll(state)
      expect(publishedData(stream)).toEqual(expected)
      expect(eventsNamed(stream, 'hub:gap')).toEqual([])
    })

    test('opens a fresh stream with a cursor that skips nothing', async () => {
      const { clock, late, connect, broadcast } = setUp()
      await broadcast('old')
      const { stream } = await connect('alice')
      await broadcast('a')
      late.answer(state)
      await clock.runPending()
      const [ready] = eventsNamed(stream, 'hub:ready')
      // Wherever the client drops, its cursor at that point brings everything that follows.
      for (const cursor of [ready?.id, cursorOf(stream)]) {
        if (cursor === undefined) continue
        const back = await connect('alice', { lastEventId: cursor })
        late.answer('at answer')
        await clock.runPending()
        expect(publishedData(back.stream)).toEqual(cursor === ready?.id ? ['a'] : [])
      }
      expect(publishedData(stream)).toEqual(['a'])
    })

    test('reports an eviction that happened before the response', async () => {
      const { clock, late, connect, broadcast, answerAll } = setUp({
        ...SMALL,
        journalOptions: { maxEvents: 3 },
      })
      const [seen] = await broadcast('seen')
      const { stream } = await connect('alice', { lastEventId: seen })
      const data = many(8, BIG)
      await broadcast(...data)
      late.answer(state)
      await clock.runPending()
      await answerAll(state)
      const got = publishedData(stream)
      expect(got).toEqual(data.slice(data.length - got.length))
      expect(eventsNamed(stream, 'hub:gap')).toHaveLength(got.length < data.length ? 1 : 0)
    })

    test('reports an eviction since the connect to a fresh client, too', async () => {
      const { late, connect, broadcast, answerAll } = setUp({
        ...SMALL,
        journalOptions: { maxEvents: 3 },
      })
      await broadcast('old')
      const { stream } = await connect('alice')
      const data = many(8, BIG)
      await broadcast(...data)
      late.answer(state)
      await answerAll(state)
      const got = publishedData(stream)
      expect(got).toEqual(data.slice(data.length - got.length))
      expect(eventsNamed(stream, 'hub:gap')).toHaveLength(got.length < data.length ? 1 : 0)
    })
  },
)

describe('before the opening', () => {
  test('a stream receives no ephemeral event either', async () => {
    const { clock, hub, late, connect } = setUp({ clockMs: 1_000 })
    const { stream } = await connect('alice')
    await hub.publish('everyone', { data: 'now', event: 'typing', ephemeral: true })
    await clock.advance(1_000)
    late.answer('at answer')
    await clock.runPending()
    expect(stream.events[0]?.event).toBe('hub:ready')
  })

  test('a stream receives no heartbeat', async () => {
    const { clock, late, connect } = setUp()
    const { stream } = await connect('alice')
    await clock.advance(20_000)
    expect(stream.events).toEqual([])
    late.answer('at answer')
    await clock.runPending()
    expect(stream.events.map(({ event }) => event)).toEqual(['hub:ready'])
  })
})

test('a fresh stream receives an event that was stored before its subscription was confirmed', async () => {
  const made: LateJournal[] = []
  const { clock, connect, broadcast } = createHubHarness({
    journal: (clock) => {
      const late = createLateJournal({ clock })
      made.push(late)
      // As Redis does: without a cursor it returns only where the journal ends.
      const read = (keys: readonly string[], cursor: string | undefined, maxBytes: number) =>
        late.read(cursor === undefined ? [] : keys, cursor, maxBytes)
      return { ...late, read }
    },
  })
  const [late] = made
  const { stream } = await connect('alice')
  await broadcast('at an address of an older connection')
  late?.hold()
  await broadcast('at an address of this connection only')
  while (late && late.pendingReads > 0) {
    late.answer('at answer')
    await clock.runPending()
  }
  expect(publishedData(stream)).toEqual([
    'at an address of an older connection',
    'at an address of this connection only',
  ])
  expect(controlData(stream, 'hub:ready')).toMatchObject({ resume: 'fresh' })
})

test('a heartbeat never moves the cursor back behind an event that was read before its delivery', async () => {
  const { clock, late, connect, broadcast } = setUp()
  const start = late.head().id
  late.hold()
  const [id] = await broadcast('stored, not delivered yet')
  const { stream } = await connect('alice', { lastEventId: start })
  late.answer('at answer')
  await clock.advance(20_000)
  expect(publishedData(stream)).toHaveLength(1)
  expect(cursorOf(stream)).toBe(id)
})

describe('a journal that fails', () => {
  test('during a read ends that stream only, and the error is reported', async () => {
    const failures: unknown[] = []
    const { clock, late, connect, broadcast } = setUp({
      onError: (error, during) => void failures.push([error, during]),
    })
    const good = await connect('alice')
    late.answer('at answer')
    await clock.runPending()
    const bad = await connect('bob', { lastEventId: 'earliest' })
    const error = new Error('The journal can’t be reached.')
    late.fail(error)
    await clock.runPending()
    await bad.connection.ended
    await broadcast('a')
    await clock.runPending()
    expect(failures).toEqual([[error, 'replay']])
    expect(bad.stream.cut).toBe(true)
    expect(publishedData(good.stream)).toEqual(['a'])
  })

  test('when the stream has ended, because the hub has closed, is not reported', async () => {
    const failures: unknown[] = []
    const { clock, late, hub, connect } = setUp({ onError: (error) => void failures.push(error) })
    await connect('alice')
    const closed = hub.close()
    await clock.runPending()
    late.fail(new Error('The journal is closed.'))
    await clock.runPending()
    await closed
    expect(failures).toEqual([])
  })

  test('after the client has left does no harm', async () => {
    const { clock, late, hub, connect } = setUp()
    const { stream, connection } = await connect('alice')
    stream.leave()
    await connection.ended
    late.answer('at answer')
    await clock.runPending()
    expect(stream.writes).toEqual([])
    expect(hub.stats().connections).toBe(0)
  })
})

test('a read is needed until its stream has ended', async () => {
  const needed: (() => boolean)[] = []
  const { connect } = createHubHarness({
    journal: (clock) => {
      const late = createLateJournal({ clock })
      return {
        ...late,
        read: (keys, cursor, maxBytes, isNeeded) => {
          if (isNeeded) needed.push(isNeeded)
          return late.read(keys, cursor, maxBytes)
        },
      }
    },
  })
  const { stream } = await connect('alice')
  expect(needed.map((isNeeded) => isNeeded())).toEqual([true])
  stream.leave()
  expect(needed.map((isNeeded) => isNeeded())).toEqual([false])
})

test('a new stream whose subscription is confirmed late receives what was delivered before the response', async () => {
  const answers: (() => void)[] = []
  const { clock, connect, broadcast } = createHubHarness({
    journal: (clock) => {
      const inner = createMemoryJournal({ clock })
      // Without a cursor the response has no events, and its end may be after some that were delivered.
      const read: Journal['read'] = (...args) =>
        new Promise((resolve) => answers.push(() => resolve(inner.read(...args))))
      return { ...inner, read }
    },
  })
  await broadcast('old')
  const streams: FakeStream[] = []
  for (const data of ['a', 'b']) {
    streams.push((await connect('alice')).stream)
    await broadcast(data)
  }
  for (const answer of answers) answer()
  await clock.runPending()
  for (const answer of answers) answer()
  await clock.runPending()
  await broadcast('c')
  await clock.runPending()
  expect(streams.map(publishedData)).toEqual([
    ['a', 'b', 'c'],
    ['b', 'c'],
  ])
})

test('a new stream starts no earlier than the journal has all of its events', async () => {
  const answers: (() => void)[] = []
  const { clock, connect, broadcast } = createHubHarness({
    journal: (clock) => {
      const inner = createMemoryJournal({ clock })
      // What came up to the second event is not stored at one of its keys.
      const read: Journal['read'] = async (keys, cursor, bytes) => {
        await new Promise<void>((resolve) => answers.push(resolve))
        const batch = await inner.read(keys, cursor, bytes)
        if (cursor === undefined) return { ...batch, completeAfter: 2 }
        return cursor < inner.head().id.replace(/\d+$/, '2') ? { ...batch, gap: 'evicted' } : batch
      }
      return { ...inner, read }
    },
  })
  const { stream } = await connect('alice')
  for (const data of ['a', 'b', 'c']) await broadcast(data)
  for (let n = 0; n < 3; n++) {
    answers.shift()?.()
    await clock.runPending()
  }
  await broadcast('d')
  await clock.runPending()
  expect(publishedData(stream)).toEqual(['c', 'd'])
  expect(stream.events.map(({ event }) => event)).not.toContain('hub:gap')
})

test('a stream that still catches up when its hub closes receives what was published before', async () => {
  const answers: (() => void)[] = []
  const { clock, hub, connect, broadcast } = createHubHarness({
    journal: (clock) => {
      const inner = createMemoryJournal({ clock })
      const read: Journal['read'] = (...args) =>
        new Promise((resolve) => answers.push(() => resolve(inner.read(...args))))
      return { ...inner, read }
    },
  })
  const { stream: late } = await connect('alice')
  await connect('bob')
  while (answers.length > 1) {
    answers.pop()?.()
    await clock.runPending()
  }
  await broadcast('before')
  void hub.close(10_000)
  await clock.runPending()
  for (let n = 0; n < 5; n++) {
    for (const answer of answers.splice(0)) answer()
    await clock.runPending()
  }
  await clock.advance(10_000)
  expect(publishedData(late)).toEqual(['before'])
})
