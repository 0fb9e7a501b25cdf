/** The hub as a whole: what is published reaches the clients it is for. */
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { clientKey, EVERYONE, topicKey } from '../../src/core/address.ts'
import type { Clock } from '../../src/core/clock.ts'
import { createApp } from '../../src/http/app.ts'
import { createHub } from '../../src/hub/hub.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'
import { manualClock } from '../support/clock.ts'
import { publishedData } from '../support/events.ts'
import { createHubHarness, type HubHarnessOptions, SMALL } from '../support/hub-harness.ts'
import { readEvents } from '../support/reader.ts'

test('a quiet stream receives a heartbeat that carries the head of the journal', async () => {
  const clock = manualClock()
  const hub = createHub({ clock })
  const app = createApp({ hub, access: 'anyone' })
  const reader = readEvents(await app.request('/sse?id=alice'))
  await clock.runPending()
  await reader.next(({ event }) => event === 'hub:ready')
  const { id } = await hub.publish({ client: 'bob' }, { data: 'not for alice' })
  await clock.advance(15_000)
  expect(await reader.next()).toMatchObject({ event: 'hub:beat', id, data: '15' })
  await reader.close()
  await clock.runPending()
  expect(clock.timers).toBe(0)
})

describe('posting', () => {
  test('publishes without a promise, and a failure goes to onError', async () => {
    const onError = vi.fn()
    const { clock, hub, connect } = createHubHarness({ onError })
    const { stream } = await connect('alice')
    expect(hub.post({ client: 'alice' }, { data: 'hello' })).toBeUndefined()
    hub.post({ client: '' }, { data: 'nobody' })
    hub.post('everyone', { data: 1n })
    await clock.runPending()
    expect(publishedData(stream)).toEqual(['hello'])
    const closed = hub.close()
    await clock.runPending()
    await closed
    hub.post('everyone', { data: 'late' })
    await clock.runPending()
    expect(onError.mock.calls.map(([{ code }, stage]) => [code, stage])).toEqual([
      ['invalid-address', 'publish'],
      ['invalid-event', 'publish'],
      ['hub-closed', 'publish'],
    ])
  })
})

describe('publishing', () => {
  test('an invalid event is refused, and neither stored nor counted', async () => {
    const { clock, hub, journal, connect } = createHubHarness({ ...SMALL })
    const { stream } = await connect('alice')
    const head = journal.head()
    for (const [event, code] of [
      [{ data: 'x', event: 'hub:ready' }, 'invalid-event'],
      [{ data: 'x', event: 'a\nid: forged' }, 'invalid-event'],
      [{ data: undefined }, 'invalid-event'],
      [{ data: 'a\ud83d' }, 'invalid-event'],
      [{ data: 'x'.repeat(30_001) }, 'event-too-large'],
      [{ data: 'x'.repeat(30_001), ephemeral: true }, 'event-too-large'],
    ] as const) {
      await expect(hub.publish('everyone', event)).rejects.toThrow(
        expect.objectContaining({ name: 'HubError', code }),
      )
    }
    await clock.runPending()
    expect(journal.head()).toEqual(head)
    expect(hub.stats()).toMatchObject({ published: 0, delivered: 0 })
    expect(stream.events).toHaveLength(1)
  })

  test('the largest event reaches a reader with the smallest queue allowed', async () => {
    const { clock, hub, connect } = createHubHarness(SMALL)
    const { stream, connection } = await connect('alice')
    const data = 'x'.repeat(30_000)
    await hub.publish({ client: 'alice' }, { data, event: '🙂'.repeat(128) })
    await clock.runPending()
    expect(stream.events.at(-1)?.data === data).toBe(true)
    expect(connection.open).toBe(true)
    const back = await connect('alice', { lastEventId: 'earliest' })
    expect(back.stream.events.at(-1)?.data === data).toBe(true)
  })

  test.each(['append', 'relay'] as const)(
    'an event that the journal fails to %s is rejected, and reaches no client',
    async (work) => {
      const fail = () => Promise.reject(new Error('The disk is full.'))
      const { clock, hub, connect } = createHubHarness({
        journal: (clock) => ({
          ...createMemoryJournal({ clock }),
          append: fail,
          backplane: { relay: fail, request: fail, useOnce: async () => true },
        }),
      })
      const { stream, connection } = await connect('alice')
      const event = { data: 'x', ephemeral: work === 'relay' }
      await expect(hub.publish('everyone', event)).rejects.toThrow('The disk is full.')
      await clock.runPending()
      expect(stream.events).toHaveLength(1)
      expect(connection.open).toBe(true)
    },
  )

  test('returns the number of connections, and zero is not an error', async () => {
    const { hub, connect } = createHubHarness()
    expect(await hub.publish({ client: 'alice' }, { data: 'x' })).toMatchObject({ connections: 0 })
    await connect('alice')
    await connect('alice')
    const receipt = await hub.publish({ client: 'alice' }, { data: 'x' })
    expect(receipt).toEqual({ id: expect.stringMatching(/^[0-9a-z]+-2$/), connections: 2 })
  })
})

describe.each([
  ['without schemas', {}],
  ['with schemas', { events: { message: z.unknown() } }],
])('on a hub %s', (_, options) => {
  test.each<[RegExp, unknown]>([
    [/An event has no field "name"/, { data: 1, name: 'inbox' }],
    [/An event has no field "id"/, { data: 1, id: 'mine' }],
    [/ephemeral .* must be true or false/, { data: 1, ephemeral: 'false' }],
    [/ephemeral .* must be true or false/, { data: 1, ephemeral: null }],
    [/An event must be an object/, undefined],
    [/An event must be an object/, null],
    [/An event must be an object/, 'hello'],
  ])('an event that is none is refused: %s', async (message, event) => {
    const { hub, stream } = await listening(options)
    const published = hub.publish('everyone', event as never)
    await expect(published).rejects.toThrow(expect.objectContaining({ code: 'invalid-event' }))
    await expect(published).rejects.toThrow(message)
    expect(publishedData(stream)).toEqual([])
    expect(hub.stats().published).toBe(0)
  })
})

async function listening(options: HubHarnessOptions) {
  const { hub, connect } = createHubHarness(options)
  const { stream } = await connect('alice')
  return { hub, stream }
}

test('a journal that another hub has opened is refused', async () => {
  const journal = createMemoryJournal()
  const first = createHub({ journal })
  expect(() => createHub({ journal })).toThrow(
    expect.objectContaining({
      code: 'invalid-option',
      message: expect.stringContaining('Another hub uses this journal'),
    }),
  )
  await first.close()
})

describe('a connect in which the journal throws', () => {
  test.each(['head', 'read', EVERYONE, clientKey('bob'), topicKey('news'), topicKey('sport')])(
    'ends its stream, reports it and leaves no trace: %s',
    async (broken) => {
      const failed: unknown[] = []
      const { clock, hub, connect } = createHubHarness({
        onError: (error, stage) => failed.push([stage, error]),
        journal: (clock) => throwingJournal(clock, (call) => call === broken),
      })
      const { connection, stream } = await connect('bob', { topics: ['news', 'sport'] })
      await connection.ended
      expect(stream.cut).toBe(true)
      expect(failed).toEqual([['replay', new Error(`${broken} is broken.`)]])
      expect(hub.stats()).toMatchObject({ connections: 0, clients: 0, topics: 0 })
      expect(clock.timers).toBe(0)
    },
  )

  test('leaves other connections subscribed', async () => {
    const { clock, hub, connect } = createHubHarness({
      journal: (clock) => throwingJournal(clock, (call) => call === clientKey('bob')),
      onError: () => {},
    })
    const alice = await connect('alice', { topics: ['news'] })
    await connect('bob', { topics: ['news'] })
    expect(await hub.publish({ topic: 'news' }, { data: 'x' })).toMatchObject({ connections: 1 })
    await clock.runPending()
    expect(publishedData(alice.stream)).toEqual(['x'])
  })
})

/** A journal that throws at the calls and the subscribed keys that `isBroken` accepts. */
function throwingJournal(clock: Clock, isBroken: (call: string) => boolean): Journal {
  const { head, read, ...rest } = createMemoryJournal({ clock })
  return {
    ...rest,
    head: () => pass('head') ?? head(),
    read: (...args) => pass('read') ?? read(...args),
    backplane: {
      subscribe: (key) => pass(key),
      request: async () => ({ responses: [], asked: 0 }),
      useOnce: () => true,
    },
  }

  function pass(call: string): undefined {
    if (isBroken(call)) throw new Error(`${call} is broken.`)
  }
}

describe('a number that is none, or out of range,', () => {
  test.each<[string, unknown]>([
    ['blockMs', Number.NaN],
    ['blockMs', 'x'],
    ['blockMs', -1],
    ['blockMs', Number.POSITIVE_INFINITY],
    ['limit', Number.NaN],
    ['limit', -1],
    ['limit', '5'],
    ['limit', 1.5],
    ['drainMs', Number.NaN],
    ['drainMs', '1000'],
    ['drainMs', Number.POSITIVE_INFINITY],
    ['drainMs', -1],
  ])('is refused as %s: %s', async (name, value) => {
    const { hub, connect } = createHubHarness()
    await connect('alice')
    const number = value as number
    const calls = {
      blockMs: [() => hub.disconnect('alice', number)],
      limit: [() => hub.clients(number), () => hub.connections('everyone', number)],
      drainMs: [async () => await hub.close(number)],
    }
    for (const call of calls[name as keyof typeof calls]) {
      await expect(call()).rejects.toMatchObject({
        code: 'invalid-option',
        message: expect.stringContaining(name),
      })
    }
    expect(hub.stats().connections).toBe(1)
    expect(hub.closing).toBe(false)
  })
})
