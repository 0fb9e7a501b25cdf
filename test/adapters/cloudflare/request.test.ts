/** A body that nobody needs is discarded, whatever its client does meanwhile. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { discardBody } from '../../../src/adapters/cloudflare/request.ts'

const unhandled: unknown[] = []
const onUnhandled = (reason: unknown) => void unhandled.push(reason)
beforeEach(() => {
  process.on('unhandledRejection', onUnhandled)
})
afterEach(() => {
  process.off('unhandledRejection', onUnhandled)
  vi.useRealTimers()
  expect(unhandled.splice(0)).toEqual([])
})

test('a client that leaves while its body is discarded is not an error', async () => {
  vi.useFakeTimers()
  const body = new ReadableStream({
    pull: (controller) => controller.error(new Error('the client has left')),
  })
  await discardBody(body)
  expect(vi.getTimerCount()).toBe(0)
})

test('a body that never ends is cancelled, even if that fails', async () => {
  vi.useFakeTimers()
  const cancelled = vi.fn(() => Promise.reject(new Error('the client has left')))
  const discarded = discardBody(new ReadableStream({ pull: () => {}, cancel: cancelled }))
  await vi.runAllTimersAsync()
  await discarded
  expect(cancelled).toHaveBeenCalledOnce()
  // Node reports unhandled rejections once all microtasks have run.
  vi.useRealTimers()
  await new Promise((resolve) => setImmediate(resolve))
})
