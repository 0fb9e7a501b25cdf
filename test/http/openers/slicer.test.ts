/** Slow readers over Node’s sockets: one that reads steadily gets everything, and many that do not read harm no other. */
import { once } from 'node:events'
import { type ClientHttp2Session, connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { createApp } from '../../../src/http/app.ts'
import { portableStream } from '../../../src/http/openers/portable-stream.ts'
import { createHub } from '../../../src/hub/hub.ts'
import type { Hub } from '../../../src/hub/hub-types.ts'
import type { HubOptions } from '../../../src/hub/options.ts'
import { manualClock } from '../../support/clock.ts'
import { eventually } from '../../support/eventually.ts'

const TEXT = 'x'.repeat(250_000)
const HEARTBEAT_MS = 300
/** Half a window of HTTP/2 in less than two heartbeats, and the event in more than three of them. */
const PIECE_BYTES = 16_384
const PIECE_MS = 120

test.each(['native', 'portable'])(
  'a steady but slow reader of a large event over HTTP/2 gets all of it, with %s streams',
  async (opener) => {
    // Bytes move as on any machine; only time is turned by hand.
    const clock = { ...manualClock(), soon: systemClock.soon }
    const { hub, session } = await start(opener, { clock })
    const stream = session.request({ ':path': '/sse?id=slow' })
    stream.setEncoding('utf8')
    await once(stream, 'readable')
    await hub.publish('everyone', { data: TEXT })
    let text = ''
    while (!text.includes(`data: ${TEXT}\n\n`)) {
      if (stream.readableLength === 0) await once(stream, 'readable')
      text += stream.read(PIECE_BYTES) ?? stream.read() ?? ''
      await clock.advance(PIECE_MS)
      expect(hub.stats().metrics.goodbyes.slow).toBe(0)
    }
  },
)

test('a reader over HTTP/2 that reads nothing is cut off', async () => {
  const { hub, session } = await start('native')
  const stream = session.request({ ':path': '/sse?id=slow' })
  stream.on('error', () => {})
  await once(stream, 'response')
  stream.pause()
  await hub.publish('everyone', { data: TEXT })
  await eventually(() => expect(hub.stats().metrics.goodbyes.slow).toBe(1))
})

test('a session with 60 unread streams stays usable', async () => {
  const { hub, session } = await start('native', { heartbeatMs: 60_000 })
  for (let n = 0; n < 60; n++) {
    session.request({ ':path': `/sse?id=slow-${n}` }).on('error', () => {})
  }
  await eventually(() => expect(hub.stats().connections).toBe(60))
  await hub.publish('everyone', { data: TEXT })
  await eventually(() => expect(hub.stats().stalled).toBe(60))
  const health = session.request({ ':path': '/healthz' })
  const [headers] = await once(health, 'response')
  expect(headers[':status']).toBe(200)
})

async function start(
  opener: string,
  options: HubOptions = {},
): Promise<{ hub: Hub; session: ClientHttp2Session }> {
  const hub = createHub({ heartbeatMs: HEARTBEAT_MS, ...options })
  const openStream = opener === 'native' ? undefined : portableStream()
  const { fetch } = createApp({ hub, access: 'anyone', openStream })
  const server = serve({ fetch, port: 0, hostname: '127.0.0.1', createServer })
  await once(server, 'listening')
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  session.setMaxListeners(100).on('error', () => {})
  onTestFinished(async () => {
    session.destroy()
    await hub.close()
    server.close()
  })
  return { hub, session }
}
