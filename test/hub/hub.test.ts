import { expect, test } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { createHub } from '../../src/hub/hub.ts'
import { manualClock } from '../support/clock.ts'
import { readEvents } from '../support/reader.ts'

test('a quiet stream gets a heartbeat that carries the head of the journal', async () => {
  const clock = manualClock()
  const hub = createHub({ clock })
  const app = createApp({ hub })
  const reader = readEvents(await app.request('/sse?id=alice'))
  await clock.settle()
  await reader.next(({ event }) => event === 'hub:ready')
  const { id } = await hub.publish({ client: 'bob' }, { data: 'not for alice' })
  await clock.advance(15_000)
  expect(await reader.next()).toMatchObject({ event: 'hub:beat', id, data: '15' })
  await reader.close()
  await clock.settle()
  expect(clock.timers).toBe(0)
})
