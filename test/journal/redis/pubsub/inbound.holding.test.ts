/** Messages are dropped until a connection holds them, and held up to exact bounds. */
import { expect, test } from 'vitest'
import { createInbound } from '../../../../src/journal/redis/pubsub/inbound.ts'

function recordedInbound() {
  const seen: unknown[] = []
  const inbound = createInbound({
    dispatch: (channel, message) => {
      if (channel === 'broken') throw new Error(channel)
      seen.push([channel, message.byteLength])
    },
    ignored: (error) => void seen.push(error),
  })
  return { inbound, seen }
}

test('messages are dropped at first, and from `drop` on', () => {
  const { inbound, seen } = recordedInbound()
  expect(inbound.overflowed).toBe(true)
  inbound.onMessage('a', new Uint8Array(1))
  inbound.release()
  expect([inbound.overflowed, seen]).toEqual([false, []])
  inbound.onMessage('b', new Uint8Array(2))
  inbound.drop()
  expect(inbound.overflowed).toBe(true)
  inbound.onMessage('c', new Uint8Array(3))
  inbound.release()
  inbound.release()
  expect(seen).toEqual([['b', 2]])
})

test.each([
  ['messages', 50_000, 1, 0],
  ['bytes with the names of their channels', 16, 1_048_576, 1],
])('as many %s are held as allowed, and not one more', (_, count, bytes, nameBytes) => {
  const { inbound, seen } = recordedInbound()
  const message = new Uint8Array(bytes - nameBytes)
  inbound.hold()
  for (let n = 0; n < count; n++) inbound.onMessage('a', message)
  expect(inbound.overflowed).toBe(false)
  inbound.release()
  expect(seen).toHaveLength(count)
  inbound.hold()
  for (let n = 0; n < count; n++) inbound.onMessage('a', message)
  inbound.onMessage('', new Uint8Array(1))
  expect(inbound.overflowed).toBe(true)
})

test('a message that can’t be used is ignored, and the others are used', () => {
  const { inbound, seen } = recordedInbound()
  inbound.hold()
  for (const channel of ['a', 'broken', 'b']) inbound.onMessage(channel, new Uint8Array(1))
  inbound.release()
  expect(seen).toEqual([['a', 1], new Error('broken'), ['b', 1]])
})
