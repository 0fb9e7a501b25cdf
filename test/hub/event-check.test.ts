/** Declared events: schemas check what is published, and types say what may be. */
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createHub, type EventSchema, type Hub } from '../../src/index.ts'
import { isPublished, publishedData } from '../support/events.ts'
import { createHubHarness } from '../support/hub-harness.ts'

const events = {
  inbox: z.object({ unread: z.number(), tags: z.array(z.string()).default([]) }),
  message: z.string(),
}

describe('with schemas', () => {
  test('an event that matches goes out as its schema returns it', async () => {
    const { hub, connect, clock } = createHubHarness({ events })
    const { stream } = await connect('alice')
    const row = { unread: 3, password: 'secret' }
    await hub.publish({ client: 'alice' }, { event: 'inbox', data: row })
    await clock.runPending()
    expect(stream.events.at(-1)).toMatchObject({ event: 'inbox', data: '{"unread":3,"tags":[]}' })
  })

  test.each([
    ['with wrong data', { event: 'inbox', data: { unread: 'many' } }, 'data.unread'],
    ['without a name and with wrong data', { data: 7 }, 'data'],
    ['with another name', { event: 'outbox', data: {} }, 'event'],
    ['with a name that objects inherit', { event: 'toString', data: {} }, 'event'],
    ['that is ephemeral', { event: 'inbox', data: null, ephemeral: true }, 'data'],
  ])('an event %s is refused, and nobody receives it', async (_, event, path) => {
    const { hub, connect, clock } = createHubHarness({ events })
    const { stream } = await connect('alice')
    await expect(hub.publish('everyone', event)).rejects.toMatchObject({
      code: 'invalid-event',
      status: 400,
      retryable: false,
      issues: [{ path, message: expect.any(String) }],
    })
    await clock.runPending()
    expect(stream.events).toMatchObject([{ event: 'hub:ready' }])
  })

  test('a retained event can be removed, whatever its data must be', async () => {
    const { hub } = createHubHarness({ events })
    const retained = { event: 'inbox', retain: true } as const
    await hub.publish('everyone', { ...retained, data: { unread: 1, tags: [] } })
    expect((await hub.retained('everyone')).rows).toHaveLength(1)
    await hub.publish('everyone', { ...retained, data: '' })
    expect((await hub.retained('everyone')).rows).toEqual([])
    const other = { event: 'outbox', retain: true, data: '' } as never
    await expect(hub.publish('everyone', other)).rejects.toMatchObject({
      issues: [{ path: 'event' }],
    })
  })

  test('a schema may find a fault without saying where', async () => {
    const vague: EventSchema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => ({ issues: [{ message: 'no' }] }),
      },
    }
    const { hub } = createHubHarness({ events: { vague } })
    await expect(hub.publish('everyone', { event: 'vague', data: 1 })).rejects.toMatchObject({
      issues: [{ path: 'data', message: 'no' }],
    })
  })

  const returns = (result: unknown): EventSchema => ({
    '~standard': { version: 1, vendor: 'test', validate: () => result as never },
  })

  test.each([
    ['no issue', [], { path: 'data', message: 'is invalid' }],
    ['an issue without a message', [{}], { path: 'data', message: 'is invalid' }],
    ['an empty message', [{ message: '' }], { path: 'data', message: 'is invalid' }],
    ['an issue that is none', [undefined], { path: 'data', message: 'is invalid' }],
    ['a path that is none', [{ message: 'no', path: 'a' }], { path: 'data', message: 'no' }],
    [
      'odd keys',
      [{ message: 'no', path: [null, 0, { key: 0 }, Symbol('x')] }],
      { path: 'data.null.0.0.Symbol(x)', message: 'no' },
    ],
  ])('a schema that refuses with %s refuses', async (_, issues, issue) => {
    const { hub } = createHubHarness({ events: { vague: returns({ issues }) } })
    await expect(hub.publish('everyone', { event: 'vague', data: 1 })).rejects.toMatchObject({
      code: 'invalid-event',
      message: `${issue.path} ${issue.message}.`,
      issues: [issue],
    })
  })

  test.each([
    [undefined],
    [null],
    [7],
    [{}],
    [{ issues: 3 }],
    [Promise.resolve(undefined)],
    // biome-ignore lint/suspicious/noThenProperty: a promise of another library
    [{ then: () => {} }],
  ])('a schema that returns %o is the mistake of the app', async (result) => {
    const { hub } = createHubHarness({ events: { odd: returns(result) } })
    await expect(hub.publish('everyone', { event: 'odd', data: 1 })).rejects.toMatchObject({
      code: 'invalid-option',
      message: 'The schema of the event odd returned neither a value nor issues.',
    })
    expect(hub.stats().published).toBe(0)
  })

  test('a schema may return undefined as the value', async () => {
    const { hub } = createHubHarness({ events: { none: returns({ value: undefined }) } })
    await expect(hub.publish('everyone', { event: 'none', data: 1 })).rejects.toMatchObject({
      code: 'invalid-event',
      issues: undefined,
    })
  })

  test.each([1, 10, 10_000])(
    'a fault is named in at most 200 characters, of %d',
    async (length) => {
      const long = 'x'.repeat(length)
      const path = ['list', 7, { key: long }]
      const issue = { message: long, path }
      const verbose: EventSchema = {
        '~standard': { version: 1, vendor: 'test', validate: () => ({ issues: [issue, issue] }) },
      }
      const { hub } = createHubHarness({
        events: { [`verbose${'y'.repeat(100)}`]: verbose, verbose },
      })
      const fault = {
        path: `data.list.7.${long}`.slice(0, 200),
        message: long.slice(0, 200),
      }
      await expect(hub.publish('everyone', { event: 'verbose', data: 1 })).rejects.toMatchObject({
        message: `${fault.path} ${fault.message}; ${fault.path} ${fault.message}.`,
        issues: [fault, fault],
      })
      const event = 'z'.repeat(Math.min(length, 128))
      const names = `verbose${'y'.repeat(100)}, verbose`
      await expect(hub.publish('everyone', { event, data: 1 })).rejects.toMatchObject({
        issues: [{ message: `must be one of ${names}, but is ${event}`.slice(0, 200) }],
      })
    },
  )

  test('a value with ten thousand faults is refused with the first twenty', async () => {
    const { hub } = createHubHarness({ events: { list: z.array(z.number()) } })
    const data = Array.from({ length: 10_000 }, () => 'x'.repeat(10))
    await expect(hub.publish('everyone', { event: 'list', data })).rejects.toMatchObject({
      issues: { length: 20 },
    })
  })

  test('a schema may answer later, and what it throws rejects', async () => {
    const slow = z.string().refine(async (text) => text !== 'bad')
    const { hub } = createHubHarness({ events: { slow } })
    await expect(hub.publish('everyone', { event: 'slow', data: 'good' })).resolves.toMatchObject({
      connections: 0,
    })
    await expect(hub.publish('everyone', { event: 'slow', data: 'bad' })).rejects.toMatchObject({
      code: 'invalid-event',
    })
    const broken: EventSchema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: () => {
          throw new RangeError('broken')
        },
      },
    }
    const other = createHubHarness({ events: { broken } })
    await expect(other.hub.publish('everyone', { event: 'broken', data: 1 })).rejects.toThrow(
      RangeError,
    )
  })

  test('what its publisher changes while a schema is awaited does not count', async () => {
    const note = z.string().refine(async () => true)
    const { hub, clock, connect } = createHubHarness({ events: { note } })
    const [alice, bob] = [await connect('alice'), await connect('bob')]
    const to = [{ client: 'alice' }, { client: 'carol' }]
    const event = { event: 'note', data: 'for alice' }
    const published = hub.publish(to, event)
    to.splice(0, 2, { client: 'bob' })
    Object.assign(event, { event: 'other', ephemeral: true })
    const { id } = await published
    await clock.runPending()
    const received = alice.stream.events.filter(isPublished)
    expect(received).toMatchObject([{ id, event: 'note', data: 'for alice' }])
    expect(publishedData(bob.stream)).toEqual([])
  })

  test('the time of the demo clock needs no schema', async () => {
    const { connect, clock } = createHubHarness({ events, clockMs: 1_000 })
    const { stream } = await connect('alice')
    await clock.advance(1_000)
    expect(stream.events.at(-1)).toMatchObject({ event: 'time' })
  })

  test.each([
    ['a reserved name', { 'hub:ready': z.string() }],
    ['a value that is no schema', { inbox: { parse: () => 1 } }],
    ['nothing', { inbox: undefined }],
  ])('an option with %s is refused', (_, bad) => {
    expect(() => createHub({ events: bad as never })).toThrow(
      expect.objectContaining({ code: 'invalid-option' }),
    )
  })
})

describe('types', () => {
  interface Events {
    inbox: { unread: number }
    message: string
  }

  test('of schemas reach publish', () => {
    const hub = createHub({ events })
    const any: Hub = hub
    expect(any).toBe(hub)
    const check = () => {
      void hub.publish('everyone', { event: 'inbox', data: { unread: 1 } })
      void hub.publish('everyone', { data: 'a message', ephemeral: true })
      void hub.publish('everyone', { event: 'inbox', data: '', retain: true })
      // @ts-expect-error: only a retained event is removed
      void hub.publish('everyone', { event: 'inbox', data: '' })
      // @ts-expect-error: a message is text
      void hub.publish('everyone', { data: 1 })
      // @ts-expect-error: the data is of another type
      void hub.publish('everyone', { event: 'inbox', data: { unread: 'many' } })
      // @ts-expect-error: there is no such event
      void hub.publish('everyone', { event: 'outbox', data: {} })
    }
    expect(check).toBeTypeOf('function')
  })

  test('of an interface reach publish, and nothing is checked at run time', async () => {
    const hub = createHub<Events>()
    const any: Hub = hub
    expect(any).toBe(hub)
    await hub.publish('everyone', { event: 'inbox', data: { unread: 1 } })
    // @ts-expect-error: the data is of another type
    await hub.publish('everyone', { event: 'inbox', data: { unread: 'many' } })
    // @ts-expect-error: the name is missing
    await hub.publish('everyone', { data: { unread: 1 } })
  })

  test('let a function of your own pass a name and its data on', async () => {
    const hub = createHub<Events>()
    function emit<Name extends keyof Events>(event: Name, data: Events[Name]) {
      hub.post({ client: 'alice' }, { event, data })
      return hub.publish('everyone', { event, data, ephemeral: true })
    }
    await emit('inbox', { unread: 1 })
    await emit('message', 'hello')
    const check = () => {
      // @ts-expect-error: the data is that of another event
      void emit('inbox', 'hello')
      // @ts-expect-error: there is no such event
      void emit('outbox', 'hello')
      // @ts-expect-error: the data is missing
      void hub.publish('everyone', { event: 'inbox' })
      // @ts-expect-error: there is no such field
      void hub.publish('everyone', { event: 'inbox', data: { unread: 1 }, name: 'inbox' })
      // @ts-expect-error: the data is that of another event
      void hub.publish('everyone', { event: 'inbox', data: 'hello' })
    }
    expect(check).toBeTypeOf('function')
  })

  test('of a hub that declares nothing, too', async () => {
    const hub = createHub()
    const emit = <Data>(event: string, data: Data) => hub.publish('everyone', { event, data })
    await emit('inbox', { unread: 1 })
  })

  test('without either, any event with any data may be published', async () => {
    const hub = createHub()
    await hub.publish('everyone', { event: 'anything', data: [1] })
    await hub.publish('everyone', { data: null })
  })
})
