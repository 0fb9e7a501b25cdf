/** Which frames a compression is offered, and how streams receive them. */
import { expect, test, vi } from 'vitest'
import type { FrameList } from '../../src/core/event-stream.ts'
import { publishedData } from '../support/events.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { createHubHarness } from '../support/hub-harness.ts'

function setUp() {
  const offered: string[] = []
  const compression = {
    encoding: 'fake',
    offer: (frame: Uint8Array) => void offered.push(new TextDecoder().decode(frame)),
    compress: () => {
      throw new Error('The hub compresses no stream by itself.')
    },
  }
  return { offered, ...createHubHarness({ compression }) }
}

test('each event is offered once, whoever listens to it, and whether it is stored or not', async () => {
  const { offered, hub, connect, clock } = setUp()
  await connect('alice')
  await connect('bob')
  await hub.publish('everyone', { data: 'to all' })
  await hub.publish({ client: 'bob' }, { data: 'to bob', ephemeral: true })
  await clock.runPending()
  expect(offered).toEqual([expect.stringContaining('to all'), 'data: to bob\n\n'])
})

test('neither control events nor replayed ones are offered, which belong to one stream', async () => {
  const { offered, connect, broadcast } = setUp()
  const [first] = await broadcast('one', 'two')
  const { stream } = await connect('alice', { lastEventId: first })
  expect(publishedData(stream)).toEqual(['two'])
  expect(offered).toEqual([])
})

test('an event that nobody listens to is not offered', async () => {
  const { offered, hub } = setUp()
  await hub.publish({ client: 'alice' }, { data: 'later' })
  expect(offered).toEqual([])
})

test('a stream that encodes frames receives what is queued frame by frame', async () => {
  const { connect, broadcast, clock } = setUp()
  const written: string[][] = []
  const stream = Object.assign(fakeStream(), {
    write: vi.fn(),
    writeFrames: (frames: FrameList) => {
      const texts: string[] = []
      for (let at: FrameList | undefined = frames; at?.previous; at = at.previous) {
        texts.unshift(new TextDecoder().decode(at.frame))
      }
      written.push(texts)
      return undefined
    },
  })
  await connect('alice', { stream })
  await broadcast('one', 'two')
  await clock.runPending()
  expect(written).toEqual([
    [expect.stringContaining('hub:ready')],
    [expect.stringContaining('data: one\n\n'), expect.stringContaining('data: two\n\n')],
  ])
  expect(stream.write).not.toHaveBeenCalled()
})
