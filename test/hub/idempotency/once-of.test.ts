/** Publishing with an idempotency key: one event and one result, however often the call is repeated. */
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import type { Addresses } from '../../../src/core/address.ts'
import type { EventInput } from '../../../src/core/event.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { onceOf, type PublishOptions } from '../../../src/hub/idempotency/once-of.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { publishedData } from '../../support/events.ts'
import { createHubHarness } from '../../support/hub-harness.ts'

const ALICE = { client: 'alice' } as const
const BOB = { client: 'bob' } as const
const KEY: PublishOptions = { idempotencyKey: 'order-1' }

test('a repetition publishes nothing and returns the result of the first call', async () => {
  const { clock, hub, connect } = createHubHarness()
  const { stream } = await connect('alice')
  const first = await hub.publish(ALICE, { data: { paid: 1 } }, KEY)
  await connect('alice')
  const again = await hub.publish(ALICE, { data: { paid: 1 } }, KEY)
  const last = await hub.publish(ALICE, { data: 'last' })
  await clock.runPending()
  expect(first.connections).toBe(1)
  expect(again).toEqual(first)
  expect(last).toEqual({ id: first.id?.replace(/1$/, '2'), connections: 2 })
  expect(publishedData(stream)).toEqual(['{"paid":1}', 'last'])
})

test('concurrent calls with one key publish one event', async () => {
  const { hub } = createHubHarness()
  const calls = Array.from({ length: 50 }, () => hub.publish(ALICE, { data: 'x' }, KEY))
  const results = await Promise.all(calls)
  expect(new Set(results.map(({ id }) => id)).size).toBe(1)
  expect(hub.stats().journal.events).toBe(1)
})

test.each<[string, readonly [Addresses, EventInput, PublishOptions]]>([
  ['other data', [ALICE, { data: 'y' }, KEY]],
  ['another name', [ALICE, { data: 'x', event: 'e' }, KEY]],
  ['a key', [ALICE, { data: 'x', key: 'k' }, KEY]],
  ['replace', [ALICE, { data: 'x', replace: true }, KEY]],
  ['retain', [ALICE, { data: 'x', retain: true }, KEY]],
  ['another address', [BOB, { data: 'x' }, KEY]],
  ['more addresses', [[ALICE, BOB], { data: 'x' }, KEY]],
])('the same key with %s is refused', async (_, args) => {
  const { hub } = createHubHarness()
  const first = await hub.publish(ALICE, { data: 'x' }, KEY)
  await expect(hub.publish(...args)).rejects.toMatchObject({
    code: 'idempotency-conflict',
    status: 422,
    retryable: false,
  })
  expect(await hub.publish(ALICE, { data: 'x' }, KEY)).toEqual(first)
  expect(hub.stats().journal.events).toBe(1)
})

test('the order of addresses makes no other event', async () => {
  const { hub } = createHubHarness()
  const addresses: Addresses = [ALICE, BOB, { topic: 'orders/7' }, { topic: 'orders' }]
  const first = await hub.publish(addresses, { data: 'x' }, KEY)
  const turned = [...addresses, ALICE].reverse()
  expect(await hub.publish(turned, { data: 'x' }, KEY)).toEqual(first)
  expect((await hub.publish(BOB, { data: 'y' })).id).toBe(first.id?.replace(/1$/, '2'))
})

test('the same key of someone else is another key', async () => {
  const { hub } = createHubHarness()
  const owners = [undefined, 'alice', 'bob', 'order-1', 'alice\norder-1']
  const all = owners.flatMap((keyOwner) => [
    { idempotencyKey: '1', keyOwner },
    { idempotencyKey: '2', keyOwner },
  ])
  const results = await Promise.all(all.map((one) => hub.publish(ALICE, { data: 'x' }, one)))
  expect(new Set(results.map(({ id }) => id)).size).toBe(all.length)
})

test('a key is forgotten after its time, and not before', async () => {
  const { clock, hub } = createHubHarness({ idempotencyMs: 60_000 })
  const first = await hub.publish(ALICE, { data: 'x' }, KEY)
  await clock.advance(59_999)
  expect(await hub.publish(ALICE, { data: 'x' }, KEY)).toEqual(first)
  await clock.advance(1)
  expect((await hub.publish(ALICE, { data: 'y' }, KEY)).id).not.toBe(first.id)
})

test('a key is stored for ten minutes by default', async () => {
  const { clock, hub } = createHubHarness()
  const first = await hub.publish(ALICE, { data: 'x' }, KEY)
  await clock.advance(599_999)
  expect(await hub.publish(ALICE, { data: 'x' }, KEY)).toEqual(first)
})

test('an event that failed is published by the repetition', async () => {
  const { hub } = createHubHarness({ maxEventBytes: 10 })
  const large = hub.publish(ALICE, { data: 'x'.repeat(11) }, KEY)
  await expect(large).rejects.toMatchObject({ code: 'event-too-large' })
  expect(await hub.publish(ALICE, { data: 'x' }, KEY)).toMatchObject({ connections: 0 })
})

test('an event that is too large is refused before it is hashed, unless a schema may make it smaller', async () => {
  const { hub: plain } = createHubHarness({ maxEventBytes: 10 })
  const settings = { journal: createMemoryJournal(), idempotencyMs: 1_000, maxEventBytes: 10 }
  const event = { data: 'x'.repeat(11) }
  expect(() => onceOf(settings, ALICE, event, KEY)).toThrow(/limited to 10 bytes/)
  await expect(plain.publish(ALICE, event, KEY)).rejects.toThrow(/limited to 10 bytes/)
  const short = z.string().transform((text) => text.slice(0, 5))
  const { hub } = createHubHarness({ maxEventBytes: 10, events: { message: short } } as never)
  expect(await hub.publish(ALICE, event, KEY)).toMatchObject({ connections: 0 })
})

describe('a call is refused', () => {
  test.each(['', 'a b', 'ü', 'x'.repeat(256), 1])('with the key %j', async (key) => {
    const { hub } = createHubHarness()
    const options = { idempotencyKey: key as string }
    await expect(hub.publish(ALICE, { data: 'x' }, options)).rejects.toMatchObject({
      code: 'invalid-option',
      message:
        'The option idempotencyKey of publish must have 1 to 255 visible ASCII characters and no spaces.',
    })
  })

  test('with an option that is misspelt', async () => {
    const { hub } = createHubHarness()
    const options = { idempotencykey: 'x' } as PublishOptions
    await expect(hub.publish(ALICE, { data: 'x' }, options)).rejects.toMatchObject({
      code: 'invalid-option',
    })
  })

  test('if the event is ephemeral', async () => {
    const { hub } = createHubHarness()
    const event = { data: 'x', ephemeral: true }
    await expect(hub.publish(ALICE, event, KEY)).rejects.toMatchObject({
      code: 'invalid-event',
      message: expect.stringContaining('omit the key, or ephemeral'),
    })
  })

  test('if keys are turned off', async () => {
    const { hub } = createHubHarness({ idempotencyMs: 0 })
    await expect(hub.publish(ALICE, { data: 'x' }, KEY)).rejects.toMatchObject({
      code: 'not-supported',
      status: 501,
    })
    expect(await hub.publish(ALICE, { data: 'x' }, {})).toMatchObject({ connections: 0 })
  })

  test('if the journal can’t store keys', async () => {
    const { hub } = createHubHarness({
      journal: (clock) => {
        const { appendsOnce, ...journal } = createMemoryJournal({ clock })
        return journal
      },
    })
    await expect(hub.publish(ALICE, { data: 'x' }, KEY)).rejects.toMatchObject({
      code: 'not-supported',
      message: expect.stringContaining('use another journal'),
    })
  })
})

test('repetitions are counted apart, and refused events are not counted', async () => {
  const { hub } = createHubHarness({ maxEventBytes: 10 })
  const publish = (data: string, options?: PublishOptions) => hub.publish(ALICE, { data }, options)
  await publish('x', KEY)
  await publish('x', KEY)
  await publish('x', KEY)
  await publish('y', KEY).catch(() => {})
  await publish('y')
  const { metrics, published } = hub.stats()
  expect(metrics.publishes.client).toBe(2)
  expect([published, metrics.repetitions]).toEqual([2, 2])
})

test('a schema that changes data makes no repetition another event', async () => {
  let calls = 0
  const stamped = z.object({ total: z.number() }).transform((order) => {
    calls += 1
    return { ...order, version: calls }
  })
  const { hub } = createHubHarness({ events: { order: stamped } } as never)
  const event = { event: 'order', data: { total: 1 } }
  const first = await hub.publish(ALICE, event, KEY)
  expect(await hub.publish(ALICE, event, KEY)).toEqual(first)
})

test.each([-1, 86_400_001, Number.NaN])('the time of %d ms is no option', (idempotencyMs) => {
  expect(() => createHub({ idempotencyMs })).toThrow(
    expect.objectContaining({ code: 'invalid-option' }),
  )
})

test('a publish without a key passes nothing more to the journal', async () => {
  const journal = createMemoryJournal()
  const append = vi.fn(journal.append)
  const hub = createHub({ journal: { ...journal, append } })
  await hub.publish(ALICE, { data: 'x' })
  await hub.publish(ALICE, { data: 'x' }, {})
  expect(append.mock.calls.map(([, , once]) => once)).toEqual([undefined, undefined])
  await hub.close()
})
