/** Frame queues: equal queues share one buffer, and different ones stay separate. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  emptyQueue,
  enqueue,
  type FrameQueue,
  toBytes,
} from '../../../src/hub/connections/frame-queue.ts'

const bytes = (...values: number[]) => Uint8Array.from(values)

test('a queue of one frame returns that frame without copying it', () => {
  const frame = bytes(1, 2)
  expect(toBytes(enqueue(emptyQueue(), frame))).toBe(frame)
})

test('a queue joins its frames in order', () => {
  const chain = [bytes(1), bytes(2, 3), bytes(), bytes(4)].reduce(enqueue, emptyQueue())
  expect(toBytes(chain)).toEqual(bytes(1, 2, 3, 4))
  expect(chain.byteLength).toBe(4)
})

test('an empty queue has no bytes', () => {
  expect(emptyQueue().byteLength).toBe(0)
  expect(toBytes(emptyQueue())).toEqual(bytes())
})

test('equal queues share one buffer', () => {
  const empty = emptyQueue()
  const queues: FrameQueue[] = [empty, empty, empty]
  for (const frame of [bytes(1), bytes(2), bytes(3)]) {
    queues.forEach((chain, i) => {
      queues[i] = enqueue(chain, frame)
    })
  }
  const [first, ...others] = queues.map(toBytes)
  expect(first).toEqual(bytes(1, 2, 3))
  for (const other of others) expect(other).toBe(first)
})

test('a queue stays the same after another has grown from it', () => {
  const start = enqueue(emptyQueue(), bytes(1))
  const long = enqueue(start, bytes(2))
  const other = enqueue(start, bytes(3))
  expect([start, long, other].map(toBytes)).toEqual([bytes(1), bytes(1, 2), bytes(1, 3)])
})

test('queues that are filled event by event contain exactly their own events', () => {
  const delivery = fc.tuple(fc.integer({ min: 0, max: 255 }), fc.subarray([0, 1, 2, 3]))
  fc.assert(
    fc.property(fc.array(delivery, { maxLength: 30 }), (deliveries) => {
      const empty = emptyQueue()
      const queues: FrameQueue[] = [empty, empty, empty, empty]
      const expected: number[][] = [[], [], [], []]
      for (const [value, listeners] of deliveries) {
        const frame = bytes(value)
        for (const at of listeners) {
          queues[at] = enqueue(queues[at] ?? empty, frame)
          expected[at]?.push(value)
        }
      }
      expect(queues.map((chain) => [...toBytes(chain)])).toEqual(expected)
    }),
  )
})
