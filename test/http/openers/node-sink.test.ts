/** Slow readers over HTTP/1.1 on Node: one that reads nothing is cut off. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { serveNode } from '../../../src/adapters/node/server.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { createApp } from '../../../src/http/app.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { manualClock } from '../../support/clock.ts'

const HEARTBEAT_MS = 15_000
const TEXT = 'x'.repeat(250_000)

async function open(events: number) {
  // Bytes move as on any machine; only time is turned by hand.
  const clock = { ...manualClock(), soon: systemClock.soon }
  const hub = createHub({ clock, maxQueuedBytes: 16_000_000, heartbeatMs: HEARTBEAT_MS })
  const { fetch } = createApp({ hub, access: 'anyone' })
  const { port, stop, abort } = await serveNode({ fetch, port: 0 })
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.write('GET /sse?id=slow HTTP/1.1\r\nHost: hub.example\r\n\r\n')
  await once(socket, 'readable')
  onTestFinished(async () => {
    socket.destroy()
    abort()
    await stop()
  })
  for (let n = 0; n < events; n++) await hub.publish('everyone', { data: TEXT })
  return { clock, hub }
}

test('a reader that reads nothing is cut off after two heartbeats', async () => {
  const { clock, hub } = await open(50)
  await clock.advance(HEARTBEAT_MS)
  expect(hub.stats()).toMatchObject({ stalled: 1, metrics: { goodbyes: { slow: 0 } } })
  await clock.advance(2 * HEARTBEAT_MS)
  expect(hub.stats().metrics.goodbyes.slow).toBe(1)
})
