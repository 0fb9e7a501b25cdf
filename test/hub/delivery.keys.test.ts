/** Keys: an event that replaces earlier ones with its key, which connected clients have and others no longer need. */
import { describe, expect, test } from 'vitest'
import type { EventInput } from '../../src/core/event.ts'
import { controlData, eventsNamed, publishedData } from '../support/events.ts'
import { createHubHarness, SMALL } from '../support/hub-harness.ts'

const NEWS = { topic: 'news' }

const TOKEN: EventInput = { event: 'token', key: 'answer-1', data: 'a' }

describe('an event that replaces the tokens of an answer', () => {
  test('reaches whoever has received them, and alone those who were away', async () => {
    const { hub, clock, connect } = createHubHarness()
    const options = { topics: ['news'] }
    const present = await connect('alice', options)
    const { id: before } = await hub.publish(NEWS, { data: 'question' })
    for (const data of ['to', 'ken']) await hub.publish(NEWS, { ...TOKEN, data })
    await clock.runPending()
    const early = await connect('bob', { ...options, lastEventId: before })
    const { id } = await hub.publish(NEWS, { key: 'answer-1', replace: true, data: 'token' })
    await clock.runPending()
    const late = await connect('carol', { ...options, lastEventId: before })
    const fresh = await connect('dave', { ...options, lastEventId: 'earliest' })
    expect(publishedData(present.stream)).toEqual(['question', 'to', 'ken', 'token'])
    expect(publishedData(early.stream)).toEqual(['to', 'ken', 'token'])
    expect(publishedData(late.stream)).toEqual(['token'])
    expect(publishedData(fresh.stream)).toEqual(['question', 'token'])
    expect(late.stream.events.at(-1)?.id).toBe(id)
    expect(controlData(late.stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
  })

  test('is all that a client needs whose cursor is that of a token', async () => {
    const { hub, connect } = createHubHarness()
    const { id } = await hub.publish('everyone', TOKEN)
    await hub.publish('everyone', TOKEN)
    await hub.publish('everyone', { ...TOKEN, replace: true, data: 'all' })
    const { stream } = await connect('alice', { lastEventId: id })
    expect(publishedData(stream)).toEqual(['all'])
    expect(eventsNamed(stream, 'hub:gap')).toEqual([])
  })

  test('may come while a slow client reads them: it gets the rest, or what replaced it', async () => {
    const { hub, clock, connectNow } = createHubHarness(SMALL)
    const { id: start } = await hub.publish('everyone', { data: 'start' })
    const data = 'x'.repeat(9_000)
    for (let n = 0; n < 20; n++) await hub.publish('everyone', { key: 'k', data: `${n} ${data}` })
    const { stream, connection } = connectNow('alice', { lastEventId: start })
    stream.stall()
    await clock.runPending()
    expect(connection.phase).toBe('catching-up')
    await hub.publish('everyone', { data: 'between' })
    await hub.publish('everyone', { key: 'k', replace: true, data: 'all' })
    stream.resume()
    await clock.runPending()
    const got = publishedData(stream).map((one) => one.split(' ')[0])
    expect(got).toEqual(['0', '1', 'between', 'all'])
    expect(connection.phase).toBe('live')
  })
})

test('without a key, an event replaces the last one that replaced its address', async () => {
  const { hub, connect } = createHubHarness()
  await hub.publish(NEWS, { data: 'plain' })
  await hub.publish(NEWS, { replace: true, data: '10 %' })
  await hub.publish(NEWS, { replace: true, key: 'other', data: 'other' })
  await hub.publish({ client: 'alice' }, { replace: true, data: 'hers' })
  await hub.publish(NEWS, { replace: true, data: '20 %' })
  const { stream } = await connect('alice', { topics: ['news'], lastEventId: 'earliest' })
  expect(publishedData(stream)).toEqual(['plain', 'other', 'hers', '20 %'])
})

test.each<[RegExp, unknown]>([
  [/key must be 1 to 128 characters/, { data: 1, key: '' }],
  [/key must be 1 to 128 characters/, { data: 1, key: 'x'.repeat(129) }],
  [/key must be 1 to 128 characters/, { data: 1, key: 'a\nb' }],
  [/key must be 1 to 128 characters/, { data: 1, key: '\ud800' }],
  [/key must be 1 to 128 characters/, { data: 1, key: 5, replace: true }],
  [/replace .* must be true or false/, { data: 1, key: 'k', replace: 'yes' }],
  [/ephemeral event is not stored/, { data: 1, key: 'k', replace: true, ephemeral: true }],
  [/ephemeral event is not stored/, { data: 1, retain: true, ephemeral: true }],
  [/retain .* must be true or false/, { data: 1, retain: null }],
])('an event is refused if %s', async (message, event) => {
  const { hub } = createHubHarness()
  await expect(hub.publish('everyone', event as EventInput)).rejects.toMatchObject({
    code: 'invalid-event',
    message: expect.stringMatching(message),
  })
})

test('an iteration receives the keys of events, also of those without an id', async () => {
  const { hub, clock } = createHubHarness()
  const iterator = hub.events('everyone')[Symbol.asyncIterator]()
  await hub.publish('everyone', { key: 'k 1', data: 'a' })
  await hub.publish('everyone', { replace: true, data: 'b' })
  await hub.publish('everyone', { key: 'k 2', data: 'c', ephemeral: true })
  await clock.runPending()
  const items = []
  for (let n = 0; n < 3; n++) items.push((await iterator.next()).value)
  expect(items.map(({ data, key }) => [data, key])).toEqual([
    ['a', 'k 1'],
    ['b', undefined],
    ['c', 'k 2'],
  ])
})
