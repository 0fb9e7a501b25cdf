/** Slow readers over HTTP/1.1 on Node: one that reads nothing is cut off. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { serveNode } from '../../../src/adapters/node/server.ts'
import { systemClock } from '../../../src/core/clock.ts'
import type { EventStream } from '../../../src/core/event-stream.ts'
import { createApp } from '../../../src/http/app.ts'
import type { NodeResponse } from '../../../src/http/openers/node-response.ts'
import { feed } from '../../../src/http/openers/node-sink.ts'
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

test('written bytes are counted as the socket holds them, with the framing of the chunks', async () => {
  const held: Uint8Array[] = []
  const socket = {
    get writableLength() {
      return held.reduce((sum, { byteLength }) => sum + byteLength, 0)
    },
    write: (bytes: Uint8Array) => held.push(bytes) > 0,
  }
  let stream: EventStream | undefined
  feed({ socket, chunkedEncoding: true } as unknown as NodeResponse, (opened) => {
    stream = opened
    return undefined
  })
  for (let n = 1; n < 10; n++) {
    void stream?.write(new Uint8Array(n))
    expect(stream?.unsentBytes).toBe(socket.writableLength)
    expect(stream?.writtenBytes).toBe(socket.writableLength)
  }
})
