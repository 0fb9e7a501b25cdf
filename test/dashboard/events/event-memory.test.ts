/** The memory of events: what it keeps, counts and finds. */
import { expect, test } from 'vitest'
import { type Arrival, createEventMemory } from '../../../src/dashboard/events/event-memory.ts'

const event = (data: string, more: Partial<Arrival> = {}): Arrival => ({
  kind: 'event',
  event: 'message',
  data,
  at: 0,
  ...more,
})

test('it returns what is new since an entry, oldest first, up to a limit', () => {
  const memory = createEventMemory(10, 1_000)
  for (const data of ['a', 'b', 'c']) memory.add(event(data))
  const [first] = memory.latest(0, 10)
  expect(memory.latest(0, 10).map(({ data }) => data)).toEqual(['a', 'b', 'c'])
  expect(memory.latest(0, 2).map(({ data }) => data)).toEqual(['b', 'c'])
  expect(memory.latest(first?.number ?? 0, 10).map(({ data }) => data)).toEqual(['b', 'c'])
})

test('it is bounded by number and by size, but keeps one event, however large', () => {
  const memory = createEventMemory(3, 10)
  for (const data of ['1', '2', '3', '4', '5', '6', '7', '8', '9']) memory.add(event(data))
  expect(memory.latest(0, 10).map(({ data }) => data)).toEqual(['7', '8', '9'])
  memory.add(event('x'.repeat(11)))
  expect(memory.latest(0, 10).map(({ data }) => data.length)).toEqual([11])
  expect(memory.total).toBe(10)
})

test('a filter finds names, topics, ids and data, in any case', () => {
  const memory = createEventMemory(10, 1_000)
  memory.add(event('one', { event: 'Order' }))
  memory.add(event('two', { topic: 'orders' }))
  memory.add(event('three', { id: 'abc-ORDER' }))
  memory.add(event('an order'))
  memory.add(event('other'))
  memory.add(event('order', { kind: 'own' }))
  memory.filter('oRder')
  expect(memory.latest(0, 10).map(({ data }) => data)).toEqual([
    ...['one', 'two', 'three', 'an order', 'order'],
  ])
  // What happened to the stream itself is no event.
  expect([memory.shown, memory.total]).toEqual([4, 5])
  memory.add(event('more orders'))
  memory.add(event('nothing'))
  expect([memory.shown, memory.total]).toEqual([5, 7])
  memory.filter('')
  expect(memory.shown).toBe(7)
})

test('ticks in a row are one entry, which shows the last', () => {
  const memory = createEventMemory(10, 1_000)
  for (const data of ['10:00', '10:01', '10:02']) memory.add(event(data, { kind: 'tick' }))
  memory.add(event('between'))
  memory.add(event('10:03', { kind: 'tick' }))
  expect(memory.latest(0, 10).map(({ data, times }) => [data, times])).toEqual([
    ['10:02', 3],
    ['between', 1],
    ['10:03', 1],
  ])
  expect(memory.total).toBe(5)
  memory.filter('10:')
  expect(memory.shown).toBe(4)
})

test('clearing it forgets everything, and later entries still have higher numbers', () => {
  const memory = createEventMemory(10, 1_000)
  memory.add(event('before'))
  const number = memory.latest(0, 1)[0]?.number ?? 0
  memory.clear()
  expect([memory.latest(0, 10), memory.total, memory.shown]).toEqual([[], 0, 0])
  memory.add(event('after'))
  expect(memory.latest(number, 10).map(({ data }) => data)).toEqual(['after'])
})
