/** Replay from a journal that answers late: events between request and answer count, too. */
import { describe, expect, test } from 'vitest'
import { cursorOf, heard, named, told } from '../support/fake-stream.ts'
import { createHubHarness, type HubHarnessOptions, SMALL } from '../support/hub-harness.ts'
import { createLateJournal, type LateJournal } from '../support/late-journal.ts'

const BIG = 'x'.repeat(20_000)
const many = (count: number, name = 'n') => Array.from({ length: count }, (_, i) => `${name}${i}`)

function setUp({ history, ...options }: Omit<HubHarnessOptions, 'journal'> = {}) {
  const made: LateJournal[] = []
  const harness = createHubHarness({
    ...options,
    journal: (clock) => {
      const late = createLateJournal({ clock, ...history })
      made.push(late)
      return late
    },
  })
  const [late] = made
  if (!late) throw new Error('The harness created no journal.')
  return { ...harness, late, answerAll }

  async function answerAll(as: 'asked' | 'now'): Promise<void> {
    await harness.clock.settle()
    while (late && late.asked > 0) {
      late.answer(as)
      await harness.clock.settle()
    }
  }
}

describe.each(['asked', 'now'] as const)('a read that is answered with the state when %s', (as) => {
  test('neither loses nor repeats an event from before the answer', async () => {
    const { clock, late, enter, tell } = setUp()
    const [seen] = await tell('seen', 'a')
    const { stream } = await enter('alice', { lastEventId: seen })
    await tell('b', 'c')
    expect(stream.events).toEqual([])
    late.answer(as)
    await clock.settle()
    await tell('d')
    await clock.settle()
    expect(told(stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
    expect(heard(stream)).toEqual(['a', 'b', 'c', 'd'])
    expect(late.asked).toBe(0)
  })

  test('neither loses nor repeats an event that was stored but not yet delivered', async () => {
    const { clock, late, enter, tell } = setUp()
    const [seen] = await tell('seen')
    late.hold()
    await tell('a')
    const { stream } = await enter('alice', { lastEventId: seen })
    await tell('b')
    late.answer(as)
    await clock.settle()
    late.release()
    await clock.settle()
    await tell('c')
    await clock.settle()
    expect(heard(stream)).toEqual(['a', 'b', 'c'])
  })

  test('neither loses nor repeats an event when more arrive than may wait', async () => {
    const { clock, late, enter, tell, answerAll } = setUp(SMALL)
    const [seen] = await tell('seen')
    const { stream } = await enter('alice', { lastEventId: seen })
    const expected = many(10, BIG)
    await tell(...expected)
    late.answer(as)
    for (let i = 0; i < 3; i++) {
      await clock.settle()
      const more = many(3, `more ${i} ${BIG}`)
      expected.push(...more)
      await tell(...more)
      late.answer(as)
    }
    await answerAll(as)
    expect(heard(stream)).toEqual(expected)
    expect(named(stream, 'hub:gap')).toEqual([])
  })

  test('opens a fresh stream with a cursor that skips nothing', async () => {
    const { clock, late, enter, tell } = setUp()
    await tell('old')
    const { stream } = await enter('alice')
    await tell('a')
    late.answer(as)
    await clock.settle()
    const [ready] = named(stream, 'hub:ready')
    // Wherever the client drops, its cursor at that point brings everything that follows.
    for (const cursor of [ready?.id, cursorOf(stream)]) {
      if (cursor === undefined) continue
      const back = await enter('alice', { lastEventId: cursor })
      late.answer('now')
      await clock.settle()
      expect(heard(back.stream)).toEqual(cursor === ready?.id ? ['a'] : [])
    }
    expect(heard(stream)).toEqual(['a'])
  })

  test('reports an eviction that happened before the answer', async () => {
    const { clock, late, enter, tell, answerAll } = setUp({ ...SMALL, history: { maxEvents: 3 } })
    const [seen] = await tell('seen')
    const { stream } = await enter('alice', { lastEventId: seen })
    const data = many(8, BIG)
    await tell(...data)
    late.answer(as)
    await clock.settle()
    await answerAll(as)
    const got = heard(stream)
    expect(got).toEqual(data.slice(data.length - got.length))
    expect(named(stream, 'hub:gap')).toHaveLength(got.length < data.length ? 1 : 0)
  })

  test('reports an eviction since it connected to a fresh client, too', async () => {
    const { late, enter, tell, answerAll } = setUp({ ...SMALL, history: { maxEvents: 3 } })
    await tell('old')
    const { stream } = await enter('alice')
    const data = many(8, BIG)
    await tell(...data)
    late.answer(as)
    await answerAll(as)
    const got = heard(stream)
    expect(got).toEqual(data.slice(data.length - got.length))
    expect(named(stream, 'hub:gap')).toHaveLength(got.length < data.length ? 1 : 0)
  })
})

describe('before its opening', () => {
  test('a stream receives no ephemeral event either', async () => {
    const { clock, hub, late, enter } = setUp({ clockMs: 1_000 })
    const { stream } = await enter('alice')
    await hub.publish('everyone', { data: 'now', event: 'typing', ephemeral: true })
    await clock.advance(1_000)
    late.answer('now')
    await clock.settle()
    expect(stream.events[0]?.event).toBe('hub:ready')
  })

  test('a stream receives no heartbeat', async () => {
    const { clock, late, enter } = setUp()
    const { stream } = await enter('alice')
    await clock.advance(20_000)
    expect(stream.events).toEqual([])
    late.answer('now')
    await clock.settle()
    expect(stream.events.map(({ event }) => event)).toEqual(['hub:ready'])
  })
})

test('a fresh stream receives an event that was stored before its subscription was confirmed', async () => {
  const made: LateJournal[] = []
  const { clock, enter, tell } = createHubHarness({
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
  const { stream } = await enter('alice')
  await tell('at an address of an older connection')
  late?.hold()
  await tell('at an address of this connection only')
  while (late && late.asked > 0) {
    late.answer('now')
    await clock.settle()
  }
  expect(heard(stream)).toEqual([
    'at an address of an older connection',
    'at an address of this connection only',
  ])
  expect(told(stream, 'hub:ready')).toMatchObject({ resume: 'fresh' })
})

test('a heartbeat never moves a cursor back before an event that was read ahead of its delivery', async () => {
  const { clock, late, enter, tell } = setUp()
  const start = late.head().id
  late.hold()
  const [id] = await tell('stored, not delivered yet')
  const { stream } = await enter('alice', { lastEventId: start })
  late.answer('now')
  await clock.advance(20_000)
  expect(heard(stream)).toHaveLength(1)
  expect(cursorOf(stream)).toBe(id)
})

describe('a journal that fails', () => {
  test('during a read ends that stream only, and the error is reported', async () => {
    const failures: unknown[] = []
    const { clock, late, enter, tell } = setUp({
      observer: { failed: (error, during) => void failures.push([error, during]) },
    })
    const good = await enter('alice')
    late.answer('now')
    await clock.settle()
    const bad = await enter('bob', { lastEventId: 'earliest' })
    const error = new Error('The journal can’t be reached.')
    late.refuse(error)
    await clock.settle()
    await bad.connection.ended
    await tell('a')
    await clock.settle()
    expect(failures).toEqual([[error, 'replay']])
    expect(bad.stream.cut).toBe(true)
    expect(heard(good.stream)).toEqual(['a'])
  })

  test('after the client has left does no harm', async () => {
    const { clock, late, hub, enter } = setUp()
    const { stream, connection } = await enter('alice')
    stream.leave()
    await connection.ended
    late.answer('now')
    await clock.settle()
    expect(stream.writes).toEqual([])
    expect(hub.stats().connections).toBe(0)
  })
})
