/** A reader is slow when it takes no bytes, not when a large event takes long. */
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { portableStream } from '../../src/http/openers/portable-stream.ts'
import { webStream } from '../../src/http/openers/web-stream.ts'
import { createHub } from '../../src/hub/hub.ts'
import { manualClock } from '../support/clock.ts'

const HEARTBEAT_MS = 15_000
const TEXT = 'x'.repeat(250_000)

describe.each([
  ['portable', portableStream],
  ['web', webStream],
])('%s streams', (_, opener) => {
  function open() {
    const clock = manualClock()
    const hub = createHub({ clock })
    const host = new Hono()
    host.use('/cloned/*', async (c, next) => {
      await next()
      c.res.clone()
    })
    host.route('/cloned', createApp({ hub, access: 'anyone', openStream: opener() }))
    host.route('/', createApp({ hub, access: 'anyone', openStream: opener() }))
    return { clock, hub, host }
  }

  test.each([
    ['live', '/sse?id=alice'],
    ['by catching up', '/sse?id=alice&lastEventId=earliest'],
  ])(
    'deliver a whole event to a reader that takes one chunk per heartbeat, %s',
    async (_, path) => {
      const { clock, hub, host } = open()
      if (path.includes('earliest')) await hub.publish('everyone', { data: TEXT })
      const body = (await host.request(path)).body?.getReader()
      const decoder = new TextDecoder()
      let text = ''
      for (let reads = 0; reads < 50 && !text.includes(`data: ${TEXT}\n\n`); reads++) {
        const read = body?.read()
        await clock.runPending()
        text += decoder.decode((await read)?.value, { stream: true })
        if (reads === 2 && !path.includes('earliest')) await hub.publish('everyone', { data: TEXT })
        await clock.advance(HEARTBEAT_MS)
      }
      expect(text).toContain(`data: ${TEXT}\n\n`)
      expect(hub.stats().connections).toBe(1)
    },
  )

  test('are cut off when a clone of their response holds unread bytes', async () => {
    const { clock, hub, host } = open()
    const response = await host.request('/cloned/sse?id=alice')
    const reader = response.body?.getReader()
    const read = reader?.read()
    await clock.runPending()
    await read
    expect(hub.stats().connections).toBe(1)
    // The client leaves, which the stream is not told while its clone is there.
    void reader?.cancel()
    await clock.advance(8 * HEARTBEAT_MS)
    expect(hub.stats()).toMatchObject({ connections: 0, closing: 0 })
    expect(clock.timers).toBe(0)
  })
})

test('web streams are cut off when a runtime takes one slice of a large event, and no more', async () => {
  const clock = manualClock()
  const hub = createHub({ clock })
  const app = createApp({ hub, access: 'anyone', openStream: webStream() })
  const body = (await app.request('/sse?id=alice')).body?.getReader()
  for (let reads = 0; reads < 2; reads++) {
    const read = body?.read()
    await clock.runPending()
    if (reads === 0) await hub.publish('everyone', { data: TEXT })
    await read
  }
  await clock.advance(3 * HEARTBEAT_MS)
  expect(hub.stats().metrics.goodbyes.slow).toBe(1)
})
