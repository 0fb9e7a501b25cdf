/** Bodies are read up to a limit, and not beyond it. */
import { expect, test } from 'vitest'
import { readBody } from '../../src/core/read-body.ts'

const CHUNK = 10

/** A body of numbered chunks, which counts how many were pulled. */
function bodyOf(chunks: number) {
  const state = { pulled: 0, cancelled: false }
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      pull: (controller) => {
        if (state.pulled === chunks) return controller.close()
        state.pulled += 1
        controller.enqueue(new Uint8Array(CHUNK).fill(state.pulled))
      },
      cancel: () => {
        state.cancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return { body, state }
}

test('a body at the limit is read completely, and its parts are joined in order', async () => {
  const { body, state } = bodyOf(3)
  const bytes = await readBody({ body }, 3 * CHUNK)
  expect([...bytes]).toEqual([1, 2, 3].flatMap((n) => Array(CHUNK).fill(n)))
  expect(state.cancelled).toBe(false)
})

test.each([4, 30])(
  'of a body of %d parts only the first beyond the limit is read',
  async (parts) => {
    const { body, state } = bodyOf(parts)
    const bytes = await readBody({ body }, 3 * CHUNK)
    expect(bytes.byteLength).toBe(4 * CHUNK)
    expect(state).toEqual({ pulled: 4, cancelled: true })
  },
)

test('no body is an empty one', async () => {
  expect((await readBody({ body: null }, CHUNK)).byteLength).toBe(0)
})
