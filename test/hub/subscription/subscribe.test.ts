/** Iterating over events: the promises of a stream, for code in the same process. */
import { getEventListeners } from 'node:events'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { type Address, EVERYONE, topicKey } from '../../../src/core/address.ts'
import type { Clock } from '../../../src/core/clock.ts'
import { createHub } from '../../../src/hub/hub.ts'
import type { EventsOptions } from '../../../src/hub/subscription/subscribe.ts'
import type { Journal } from '../../../src/journal/journal.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { createHubHarness, type HubHarnessOptions, SMALL } from '../../support/hub-harness.ts'
import { type Iteration, iterate } from '../../support/iterations.ts'
import { createLateJournal, type LateJournal } from '../../support/late-journal.ts'

const NEWS: Address = { topic: 'news' }
const BIG = 'x'.repeat(20_000)

function setUp(options: HubHarnessOptions = {}) {
  const harness = createHubHarness(options)
  const { hub, clock } = harness
  return { ...harness, follow }

  function follow(addresses: Address | Address[] = NEWS, options?: EventsOptions): Iteration {
    return iterate(hub.events(addresses, options), clock)
  }
}

const dataOf = (items: readonly { readonly data: string }[]) => items.map(({ data }) => data)

test('the value of a string that was published is that string, if its schema accepts only strings', async () => {
  const text = z.string()
  const reads = (value: unknown) => ({ value })
  const own = (validate: (value: unknown) => unknown) =>
    ({ '~standard': { version: 1, vendor: 'own', validate } }) as typeof text
  const events = {
    text,
    either: z.union([text, z.number()]),
    length: text.transform(({ length }) => length),
    late: own((value) => Promise.resolve({ value })),
    fails: own((value) => (value === 5 ? reads(value) : (value as string[]).map(reads))),
  }
  const hub = createHub({ events })
  const iteration = hub.events('everyone')[Symbol.asyncIterator]()
  const receivedValue = async (event: keyof typeof events, data: unknown) => {
    await hub.publish('everyone', { event, data } as never)
    return (await iteration.next()).value.value
  }
  for (const data of ['hi', '5', 'null', '{"a":1}', '"q"']) {
    expect(await receivedValue('text', data)).toBe(data)
  }
  expect(await receivedValue('either', 5)).toBe(5)
  expect(await receivedValue('either', '"q"')).toBe('"q"')
  expect(await receivedValue('length', 'five!')).toBe(5)
  expect(await receivedValue('late', '5')).toBe(5)
  expect(await receivedValue('fails', 5)).toBe(5)
  await iteration.return?.()
})

describe('an iteration', () => {
  test('gives the events to its addresses, each once and in order, with what clients see of them', async () => {
    const { hub, follow } = setUp()
    const iteration = follow([NEWS, { client: 'alice' }, NEWS])
    const { id } = await hub.publish(NEWS, { event: 'headline', data: { title: 'Hi\r\nthere' } })
    await hub.publish({ topic: 'sport' }, { data: 'not for it' })
    await hub.publish('everyone', { data: 'not for it' })
    await hub.publish({ client: 'bob' }, { data: 'not for it' })
    const second = await hub.publish({ client: 'alice' }, { data: '\uFEFFa\r\n\r\nb\n' })
    await hub.publish(NEWS, { data: '', ephemeral: true })
    expect(await iteration.take()).toEqual([
      { id, event: 'headline', data: '{"title":"Hi\\r\\nthere"}', topic: 'news' },
      { id: second.id, event: 'message', data: '\uFEFFa\n\nb\n' },
      { event: 'message', data: '', topic: 'news' },
    ])
  })

  test('to everyone gives what is published to everyone', async () => {
    const { follow, broadcast } = setUp()
    const iteration = follow('everyone')
    await broadcast('one', 'two')
    expect(dataOf(await iteration.take())).toEqual(['one', 'two'])
  })

  test('resumes after its cursor without loss, however large what was missed is', async () => {
    const { hub, follow } = setUp(SMALL)
    const { id } = await hub.publish(NEWS, { data: 'seen' })
    for (let n = 0; n < 20; n++) await hub.publish(NEWS, { data: `${n} ${BIG}` })
    const iteration = follow(NEWS, { lastEventId: id })
    expect(await iteration.take(3)).toHaveLength(3)
    await hub.publish(NEWS, { data: 'live' })
    const rest = dataOf(await iteration.take()).map((data) => data.split(' ')[0])
    expect(rest).toEqual([...Array.from({ length: 17 }, (_, n) => String(n + 3)), 'live'])
    expect(hub.stats().metrics.replays).toBe(1)
    follow(NEWS)
    expect(hub.stats().metrics.replays).toBe(1)
    expect(iteration.error).toBeUndefined()
  })

  test('with the cursor earliest starts with everything that is stored', async () => {
    const { hub, follow } = setUp()
    await hub.publish(NEWS, { data: 'old' })
    expect(dataOf(await follow(NEWS, { lastEventId: 'earliest' }).take())).toEqual(['old'])
    expect(await follow(NEWS).take()).toEqual([])
    expect(await follow(NEWS, { lastEventId: '' }).take()).toEqual([])
  })

  test('from the cursor of the hub gives what is published after it', async () => {
    const { hub, follow, broadcast } = setUp()
    const { cursor: first } = hub
    await broadcast('one')
    const { cursor } = hub
    await broadcast('two')
    expect(dataOf(await follow('everyone', { lastEventId: first }).take())).toEqual(['one', 'two'])
    expect(dataOf(await follow('everyone', { lastEventId: cursor }).take())).toEqual(['two'])
  })

  test('gives a gap as an item, before what is left', async () => {
    const { hub, follow } = setUp({ journalOptions: { maxEvents: 2 } })
    const { id: requested } = await hub.publish(NEWS, { data: '0' })
    const ids: (string | undefined)[] = []
    for (const data of ['1', '2', '3']) ids.push((await hub.publish(NEWS, { data })).id)
    const [gap, ...rest] = await follow(NEWS, { lastEventId: requested }).take()
    const details = { requested, earliest: ids[1], reason: 'evicted' }
    expect(gap).toEqual({ event: 'hub:gap', data: JSON.stringify(details), gap: details })
    expect(dataOf(rest)).toEqual(['2', '3'])
    const [unknown] = await follow(NEWS, { lastEventId: 'other-1' }).take()
    expect(unknown?.gap).toMatchObject({ requested: 'other-1', reason: 'epoch' })
  })

  test('starts with the loop, and each loop is one of its own', async () => {
    const { hub, clock } = setUp()
    const events = hub.events(NEWS)
    await hub.publish(NEWS, { data: 'early' })
    const [first, second] = [iterate(events, clock), iterate(events, clock)]
    await hub.publish(NEWS, { data: 'late' })
    expect(dataOf(await first.take())).toEqual(['late'])
    expect(dataOf(await second.take())).toEqual(['late'])
  })

  test('counts neither as a connection nor as a client, calls no hook and needs no timer', async () => {
    const hook = vi.fn()
    const { hub, clock, follow } = setUp({ onConnect: hook, onClientOnline: hook })
    follow(['everyone', { client: 'alice' }, NEWS])
    expect(await hub.publish(NEWS, { data: 'x' })).toMatchObject({ connections: 0 })
    await clock.runPending()
    expect(hub.stats()).toMatchObject({ connections: 0, clients: 0, topics: 0, delivered: 0 })
    expect((await hub.clients()).total).toBe(0)
    expect((await hub.connections({ client: 'alice' })).total).toBe(0)
    expect((await hub.connections('everyone')).total).toBe(0)
    expect(hub.stats().metrics.openings).toEqual({ fresh: 0, complete: 0, gap: 0 })
    expect(hook).not.toHaveBeenCalled()
    expect(clock.timers).toBe(0)
  })

  test('receives ephemeral events that were published while it caught up, in their place', async () => {
    const { hub, clock, follow, late } = withLateJournal()
    await hub.publish(NEWS, { data: 'stored' })
    const iteration = follow(NEWS, { lastEventId: 'earliest' })
    await hub.publish(NEWS, { data: 'ephemeral', ephemeral: true })
    await hub.publish(NEWS, { data: 'live' })
    late().answer('at request')
    await clock.runPending()
    expect(dataOf(await iteration.take())).toEqual(['stored', 'ephemeral', 'live'])
  })

  test('several calls of next at once get an event each', async () => {
    const { hub, clock } = setUp()
    const iterator = hub.events(NEWS)[Symbol.asyncIterator]()
    const all = Promise.all([iterator.next(), iterator.next(), iterator.next()])
    for (const data of ['1', '2', '3']) await hub.publish(NEWS, { data })
    await clock.runPending()
    expect((await all).map(({ value }) => value.data)).toEqual(['1', '2', '3'])
  })
})

describe('a slow loop', () => {
  test('gets what it was handed, then an error with the cursor to resume from', async () => {
    const { hub, clock, follow, journal } = setUp(SMALL)
    const iteration = follow()
    for (let n = 0; n < 40; n++) {
      await hub.publish(NEWS, { data: `${n} ${BIG}` })
      if (n % 3 === 2) await clock.runPending()
    }
    const taken = await iteration.take()
    expect(taken).toHaveLength(3)
    expect(iteration.error).toMatchObject({
      name: 'HubError',
      code: 'slow-consumer',
      message: `More events waited than maxQueuedBytes allows: the loop is too slow. To go on, resume from ${taken.at(-1)?.id}.`,
      retryable: true,
      lastEventId: taken.at(-1)?.id,
    })
    const { lastEventId } = iteration.error as { lastEventId: string }
    const again = await follow(NEWS, { lastEventId }).take()
    const numbers = dataOf([...taken, ...again]).map((data) => Number(data.split(' ')[0]))
    expect(numbers).toEqual(Array.from({ length: 40 }, (_, n) => n))
    expect(journal.head().id).toBe(again.at(-1)?.id)
  })

  test('resumes after the last event with an id, whatever it has taken after that', async () => {
    const { hub, clock, follow } = setUp(SMALL)
    const iteration = follow()
    for (let n = 0; n < 40; n++) hub.post(NEWS, { data: `${n} ${BIG}`, ephemeral: n > 0 })
    await clock.runPending()
    const taken = await iteration.take()
    expect(taken.filter(({ id }) => id)).toHaveLength(1)
    expect(taken.length).toBeGreaterThan(1)
    expect(iteration.error).toMatchObject({ lastEventId: taken[0]?.id })
  })

  test('does not slow down others', async () => {
    const { hub, clock, follow } = setUp(SMALL)
    const [slow, fast] = [follow(), follow()]
    for (let n = 0; n < 100; n++) {
      await hub.publish(NEWS, { data: BIG })
      expect(await fast.take()).toHaveLength(1)
    }
    await slow.take()
    expect(slow.error).toMatchObject({ code: 'slow-consumer' })
    expect(fast.error).toBeUndefined()
    await clock.runPending()
  })
})

describe('leaving', () => {
  test.each<[string, (iteration: Iteration, abort: AbortController) => unknown]>([
    ['break', (iteration) => iteration.leave()],
    ['a signal', (_, abort) => abort.abort()],
  ])('by %s leaves nothing behind', async (_, leave) => {
    const { clock, hub, journal, subscribed } = withSubscriptions()
    const abort = new AbortController()
    const { signal } = abort
    const iteration = iterate(hub.events([NEWS, 'everyone'], { signal }), clock)
    await hub.publish(NEWS, { data: '1' })
    await hub.publish(NEWS, { data: '2' })
    await iteration.take(1)
    expect([...subscribed]).toEqual([topicKey('news'), EVERYONE])
    await leave(iteration, abort)
    await hub.publish(NEWS, { data: '3' })
    expect(await iteration.take()).toEqual([])
    expect(iteration.done).toBe(true)
    expect(iteration.error).toBeUndefined()
    expect([...subscribed]).toEqual([])
    expect(clock.timers).toBe(0)
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(journal.head().sequence).toBe(3)
  })

  test('ends a call of next that waits', async () => {
    const { hub } = setUp()
    const iterator = hub.events(NEWS)[Symbol.asyncIterator]()
    const waiting = iterator.next()
    expect(await iterator.return?.()).toEqual({ done: true, value: undefined })
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  test('with a signal that is aborted already, nothing is given', async () => {
    const { hub, follow } = setUp()
    await hub.publish(NEWS, { data: 'x' })
    const iteration = follow(NEWS, { lastEventId: 'earliest', signal: AbortSignal.abort() })
    expect(await iteration.take()).toEqual([])
    expect(iteration.done).toBe(true)
  })

  test('while it catches up reads nothing more from the journal', async () => {
    const { hub, clock, follow, late } = withLateJournal()
    await hub.publish(NEWS, { data: 'x' })
    const iteration = follow(NEWS, { lastEventId: 'earliest' })
    expect(late().pendingReads).toBe(1)
    await iteration.leave()
    late().answer('at answer')
    await clock.runPending()
    expect(await iteration.take()).toEqual([])
    expect(late().pendingReads).toBe(0)
  })

  test('of a connection or an iteration keeps the other subscribed', async () => {
    const { clock, hub, connect, subscribed } = withSubscriptions()
    const iteration = iterate(hub.events(NEWS), clock)
    const { stream } = await connect('alice', { topics: ['news'] })
    stream.leave()
    expect([...subscribed]).toEqual([topicKey('news')])
    const back = await connect('alice', { topics: ['news'] })
    await iteration.leave()
    expect([...subscribed].sort()).toEqual(['*', 'c:alice', 't:news'])
    back.stream.leave()
    expect([...subscribed]).toEqual([])
  })
})

describe('a hub that closes', () => {
  test('ends an iteration that waits', async () => {
    const { hub, clock } = setUp()
    const waiting = hub.events(NEWS)[Symbol.asyncIterator]().next()
    await hub.close(0)
    await clock.runPending()
    const pending = new Promise((resolve) => setImmediate(resolve))
    expect(await Promise.race([waiting, pending])).toEqual({ done: true, value: undefined })
  })

  test('ends iterations after what was published until then', async () => {
    const { hub, clock, follow, connect } = setUp()
    await connect('alice')
    const iteration = follow()
    await hub.publish(NEWS, { data: 'first' })
    await clock.runPending()
    const closed = hub.close(1_000)
    await hub.publish(NEWS, { data: 'last' })
    await clock.advance(1_000)
    await closed
    expect(dataOf(await iteration.take())).toEqual(['first', 'last'])
    expect(iteration.done).toBe(true)
    expect(iteration.error).toBeUndefined()
    expect(() => follow()).toThrow(expect.objectContaining({ code: 'hub-closed' }))
  })
})

describe('a journal that fails', () => {
  test('ends the iteration with an error and the cursor, and is reported', async () => {
    const onError = vi.fn()
    const { clock, follow, late } = withLateJournal({ onError })
    const iteration = follow(NEWS, { lastEventId: 'earliest' })
    late().fail(new Error('The disk is broken.'))
    await clock.runPending()
    await iteration.take()
    expect(iteration.error).toMatchObject({
      code: 'journal-unavailable',
      message: 'The journal could not be read. To go on, resume from earliest.',
      lastEventId: 'earliest',
    })
    expect(onError.mock.calls).toEqual([[new Error('The disk is broken.'), 'replay']])
  })

  test('lets an iteration that has taken nothing resume from its start, and one without a start begin again', async () => {
    const { clock, hub, follow, late } = withLateJournal({ ...SMALL, onError: () => {} })
    const { id } = await hub.publish(NEWS, { data: 'before' })
    const [started, waiting] = [follow(), follow()]
    // More than is held while the journal is read: it is read again.
    for (let n = 0; n < 10; n++) await hub.publish(NEWS, { data: `${n} ${BIG}` })
    late().answer('at request')
    await clock.runPending()
    for (let n = 0; n < 2; n++) late().fail(new Error('The disk is broken.'))
    await clock.runPending()
    expect([await started.take(), await waiting.take()]).toEqual([[], []])
    expect(started.error).toMatchObject({ lastEventId: id })
    expect(waiting.error).toMatchObject({
      message: 'The journal could not be read. To go on, start again.',
      lastEventId: undefined,
    })
  })

  test('when it subscribes ends that iteration alone', async () => {
    const onError = vi.fn()
    const { clock, hub } = createHubHarness({
      onError,
      journal: (clock) => ({
        ...createMemoryJournal({ clock }),
        backplane: {
          subscribe: (key) => {
            if (key === topicKey('bad')) throw new Error('No more.')
          },
          request: async () => ({ responses: [], asked: 0 }),
          useOnce: () => true,
        },
      }),
    })
    const good = iterate(hub.events(NEWS), clock)
    const bad = iterate(hub.events([NEWS, { topic: 'bad' }]), clock)
    await hub.publish(NEWS, { data: 'x' })
    await bad.take()
    expect(bad.error).toMatchObject({ code: 'journal-unavailable' })
    expect(dataOf(await good.take())).toEqual(['x'])
    expect(onError.mock.calls).toEqual([[new Error('No more.'), 'replay']])
  })
})

test('52 addresses are as many as an iteration may have', () => {
  const { hub } = setUp()
  const addresses = Array.from({ length: 52 }, (_, n) => ({ topic: `t${n}` }))
  expect(() => hub.events(addresses)).not.toThrow()
})

test.each<[string, unknown, unknown, string]>([
  ['no address', [], {}, 'invalid-address'],
  ['an unknown address', 'somebody', {}, 'invalid-address'],
  ['an invalid client id', [NEWS, { client: '' }], {}, 'invalid-address'],
  ['an address that is null', [null], {}, 'invalid-address'],
  ['a cursor that is no string', NEWS, { lastEventId: 7 }, 'invalid-option'],
  ['a signal that is none', NEWS, { signal: {} }, 'invalid-option'],
  ['an option that is misspelt', NEWS, { lastEventID: 'x-1' }, 'invalid-option'],
  [
    '53 addresses',
    Array.from({ length: 53 }, (_, n) => ({ topic: `t${n}` })),
    {},
    'invalid-address',
  ],
])('%s is refused', (_, addresses, options, code) => {
  const { hub } = setUp()
  expect(() => hub.events(addresses as Address, options as EventsOptions)).toThrow(
    expect.objectContaining({ name: 'HubError', code }),
  )
})

function withLateJournal(options: HubHarnessOptions = {}) {
  let journal: LateJournal | undefined
  const harness = setUp({
    ...options,
    journal: (clock) => {
      journal = createLateJournal({ clock })
      return journal
    },
  })
  return { ...harness, late }

  function late(): LateJournal {
    if (!journal) throw new Error('There is no journal.')
    return journal
  }
}

/** A hub whose journal records what it is subscribed to. */
function withSubscriptions() {
  const subscribed = new Set<string>()
  const journal = (clock: Clock): Journal => ({
    ...createMemoryJournal({ clock }),
    backplane: {
      subscribe: (key) => {
        if (subscribed.has(key)) throw new Error(`${key} is subscribed twice.`)
        subscribed.add(key)
      },
      unsubscribe: (key) => {
        if (!subscribed.delete(key)) throw new Error(`${key} is not subscribed.`)
      },
      request: async () => ({ responses: [], asked: 0 }),
      useOnce: () => true,
    },
  })
  const onError = (error: unknown) => {
    throw error
  }
  return { ...createHubHarness({ journal, onError }), subscribed }
}
