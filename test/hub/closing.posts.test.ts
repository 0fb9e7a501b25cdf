/** What hooks post while the hub closes is stored before its journal closes, or fails in time. */
import { describe, expect, test, vi } from 'vitest'
import { createHub } from '../../src/hub/hub.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'
import type { ManualClock } from '../support/clock.ts'
import { createHubHarness, type HubHarness } from '../support/hub-harness.ts'

/** A journal that is slower than a turn, and has no more to say once it is closed. */
function remote(clock: ManualClock, latencyMs: number, stored: string[]): Journal {
  const inner = createMemoryJournal({ clock })
  let closed = false
  return {
    ...inner,
    append: async (key, event) => {
      await new Promise<void>((resolve) => {
        const stop = clock.every(latencyMs, () => {
          stop()
          resolve()
        })
      })
      if (closed) throw new Error('The journal is closed.')
      stored.push(event.data)
      return inner.append(key, event)
    },
    close: () => {
      closed = true
    },
  }
}

/** Closes a hub whose hooks post, with a client that reads its goodbye and one that does not. */
async function close(latencyMs: number) {
  const stored: string[] = []
  const onError = vi.fn()
  const harness: HubHarness = createHubHarness({
    journal: (clock) => remote(clock, latencyMs, stored),
    onError,
    onDisconnect: ({ client }) => post(`left ${client}`),
    onClientOffline: (client) => post(`offline ${client}`),
  })
  const { clock, hub, connect } = harness
  await connect('alice')
  let isClosed = false
  const closed = hub.close().then(() => {
    isClosed = true
  })
  return { stored, onError, clock, closed, isClosed: () => isClosed }

  function post(data: string): void {
    harness.hub.post({ topic: 'people' }, { data })
  }
}

test('events that hooks post during a close are stored before the journal closes', async () => {
  const { stored, onError, clock, closed, isClosed } = await close(200)
  await clock.advance(199)
  expect(isClosed()).toBe(false)
  await clock.advance(1)
  await closed
  expect(stored).toEqual(['left alice', 'offline alice'])
  expect(onError).not.toHaveBeenCalled()
  expect(clock.timers).toBe(0)
})

test('a journal that does not answer holds up a close for half a second, and the posts fail', async () => {
  const { stored, onError, clock, closed } = await close(60_000)
  await clock.advance(500)
  await closed
  await clock.advance(60_000)
  expect(stored).toEqual([])
  expect(onError.mock.calls.map(([, stage]) => stage)).toEqual(['publish', 'publish'])
})

describe('a post after the close', () => {
  test('fails with hub-closed', async () => {
    const onError = vi.fn()
    const hub = createHub({ onError })
    await hub.close()
    hub.post('everyone', { data: 'late' })
    await new Promise((resolve) => setImmediate(resolve))
    expect(onError).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ code: 'hub-closed' }),
      'publish',
    )
  })
})
