/** Control events: what each of them carries. */
import { expect, test } from 'vitest'
import { beatFrame, byeFrame, gapFrame, readyFrame } from '../../src/core/control-events.ts'

const text = (frame: Uint8Array) => new TextDecoder().decode(frame)

test('hub:ready carries the retry delay, and an id only if no replay follows', () => {
  const ready = {
    client: 'alice',
    connection: 'c-1',
    topics: ['news'],
    resume: 'fresh',
    heartbeatMs: 15_000,
  } as const
  const data =
    '{"client":"alice","connection":"c-1","topics":["news"],"resume":"fresh","heartbeatMs":15000}'
  expect(text(readyFrame(ready, 2_000))).toBe(`retry: 2000\nevent: hub:ready\ndata: ${data}\n\n`)
  expect(text(readyFrame(ready, 2_000, 'e-1'))).toBe(
    `retry: 2000\nid: e-1\nevent: hub:ready\ndata: ${data}\n\n`,
  )
})

test('hub:gap carries an id only if nothing can be replayed', () => {
  const gap = { requested: 'e-1', earliest: 'e-3', reason: 'evicted' } as const
  const data = '{"requested":"e-1","earliest":"e-3","reason":"evicted"}'
  expect(text(gapFrame(gap))).toBe(`event: hub:gap\ndata: ${data}\n\n`)
  expect(text(gapFrame(gap, 'e-9'))).toBe(`id: e-9\nevent: hub:gap\ndata: ${data}\n\n`)
})

test('hub:beat carries its interval in seconds', () => {
  expect(text(beatFrame(15_000))).toBe('event: hub:beat\ndata: 15\n\n')
  expect(text(beatFrame(200, 'e-1'))).toBe('id: e-1\nevent: hub:beat\ndata: 0.2\n\n')
})

test('hub:bye carries its reason and the delay before the client reconnects', () => {
  expect(text(byeFrame('slow', 1_500))).toBe(
    'retry: 1500\nevent: hub:bye\ndata: {"reason":"slow"}\n\n',
  )
})
