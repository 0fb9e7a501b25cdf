/** A request to a shard: nothing of its response is left unread, whenever it ends. */
import { expect, test, vi } from 'vitest'
import { openLineChannel } from '../../../../src/adapters/cloudflare/piping/line-channel.ts'
import { manualClock } from '../../../support/clock.ts'
import { eventually } from '../../../support/eventually.ts'

const LINE = new TextEncoder().encode('{}')

function setUp() {
  const clock = manualClock()
  const report = vi.fn()
  let resolve: (response: Response) => void = () => {}
  let reject: (error: Error) => void = () => {}
  const head = new Promise<Response>((...settle) => {
    ;[resolve, reject] = settle
  })
  const channel = openLineChannel({ clock, report, send: () => head })
  return { resolve, reject, channel, clock, report }
}

/** A response that does not end. */
function openResponse(text: string, status = 200) {
  const cancel = vi.fn()
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(text)),
    cancel,
  })
  return { response: new Response(body, { status }), cancel }
}

test('a shard that fails while nothing is published is no unhandled rejection', async () => {
  const { channel, reject, report } = setUp()
  const unhandled = vi.fn()
  process.on('unhandledRejection', unhandled)
  reject(Object.assign(new Error('moved'), { retryable: true }))
  // Node reports unhandled rejections once all microtasks have run.
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', unhandled)
  expect(unhandled).not.toHaveBeenCalled()
  expect(await channel.publish([LINE])).toMatchObject([{ status: 503, retryAfter: 2 }])
  expect(report).toHaveBeenCalledOnce()
  channel.close()
})

test.each([
  ['before its response', 0],
  ['after an answer', 1],
  ['while an answer is awaited', 2],
])('a channel that is closed %s cancels the response', async (_, lines) => {
  const { channel, clock, resolve } = setUp()
  const { response, cancel } = openResponse('{"connections":1}\n')
  const published = lines > 0 ? channel.publish(Array(lines).fill(LINE)) : undefined
  if (lines > 0) resolve(response)
  if (lines === 1) expect(await published).toEqual([{ connections: 1 }])
  if (lines === 2) await eventually(() => expect(response.bodyUsed).toBe(true))
  channel.close()
  if (lines === 0) resolve(response)
  await eventually(() => expect(cancel).toHaveBeenCalledOnce())
  await published
  expect(clock.timers).toBe(0)
})

test('a shard that is reset between two lines has ended the request, and one that is silent has not', async () => {
  const { channel, resolve, report } = setUp()
  const error = new Error('reset')
  let reset = () => {}
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      reset = () => controller.error(error)
      controller.enqueue(new TextEncoder().encode('{"connections":1}\n'))
    },
  })
  resolve(new Response(body))
  expect(await channel.publish([LINE])).toEqual([{ connections: 1 }])
  expect(channel.hasEnded).toBe(false)
  reset()
  await eventually(() => expect(channel.hasEnded).toBe(true))
  expect(report.mock.calls).toEqual([[error]])
  expect(await channel.publish([LINE])).toMatchObject([{ status: 503 }])
  channel.close()

  const silent = setUp()
  const published = silent.channel.publish([LINE])
  await silent.clock.advance(10_000)
  expect(await published).toMatchObject([{ status: 503 }])
  expect(silent.channel.hasEnded).toBe(false)
  silent.channel.close()
})

test('a shard that ends at a refusal refuses the lines that follow', async () => {
  const { channel, resolve } = setUp()
  resolve(new Response('{"connections":1}\n{"line":2,"status":429}\n'))
  expect(await channel.publish([LINE, LINE, LINE])).toEqual([
    { connections: 1 },
    { status: 429 },
    { status: 429 },
  ])
  expect(channel.hasEnded).toBe(true)
  channel.close()
})
