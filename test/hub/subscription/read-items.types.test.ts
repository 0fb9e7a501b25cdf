/** Items of an iteration have the types of the events that their hub declares. */
import { expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import {
  createHub,
  type EventItem,
  type EventItemOf,
  type GapEvent,
  type Hub,
} from '../../../src/index.ts'

interface Events {
  inbox: { unread: number }
  message: string
}

async function firstOf<Item>(items: AsyncIterable<Item>): Promise<Item> {
  for await (const item of items) return item
  return expect.unreachable()
}

async function publish(hub: Hub, event: string | undefined, data: unknown): Promise<void> {
  await hub.publish('everyone', { event, data })
}

test('the name of an event decides the type of its value', async () => {
  const hub = createHub<Events>()
  await publish(hub, 'inbox', { unread: 3 })
  const item = await firstOf(hub.events('everyone', { lastEventId: 'earliest' }))
  expectTypeOf(item.event).toEqualTypeOf<'inbox' | 'message' | 'hub:gap'>()
  expectTypeOf(item.data).toEqualTypeOf<string>()
  if (item.event !== 'inbox') expect.unreachable()
  expectTypeOf(item.value).toEqualTypeOf<{ unread: number }>()
  expect(item.value.unread).toBe(3)
  expect(item.data).toBe('{"unread":3}')
})

test('a gap differs in type from the declared events', async () => {
  const hub = createHub<Events>()
  const item = await firstOf(hub.events('everyone', { lastEventId: 'other-1' }))
  if (!item.gap) expect.unreachable()
  expectTypeOf(item.value).toEqualTypeOf<GapEvent>()
  expect(item.value).toEqual(item.gap)
})

test('fields taken out of an item keep their types', () => {
  type Item = EventItemOf<Events>
  const describeItem = ({ event, gap, value }: Item): string => {
    if (gap) return value.reason
    return event === 'inbox' ? `${value.unread} unread` : value
  }
  expectTypeOf(describeItem).returns.toEqualTypeOf<string>()
})

test('schemas give types as well', async () => {
  const hub = createHub({ events: { inbox: z.object({ unread: z.number() }) } })
  await hub.publish('everyone', { event: 'inbox', data: { unread: 3 } })
  const item = await firstOf(hub.events('everyone', { lastEventId: 'earliest' }))
  if (item.event !== 'inbox') expect.unreachable()
  expectTypeOf(item.value).toEqualTypeOf<{ unread: number }>()
  expect(item.value).toEqual({ unread: 3 })
})

test('without declared events, items have any name, and a value of unknown type', async () => {
  const hub = createHub()
  expectTypeOf(hub.events('everyone')).toEqualTypeOf<AsyncIterable<EventItem>>()
  await publish(hub, 'note', 'no JSON')
  const item = await firstOf(hub.events('everyone', { lastEventId: 'earliest' }))
  expectTypeOf(item.value).toEqualTypeOf<unknown>()
  expect(item.value).toBe('no JSON')
  expect({ ...item }).not.toHaveProperty('value')
})

test('a hub that declares its events is a hub that declares none', () => {
  expectTypeOf<Hub<Events>>().toExtend<Hub>()
})
