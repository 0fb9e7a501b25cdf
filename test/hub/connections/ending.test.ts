/** The end of a connection: its stream ends after its goodbye, and whoever asks learns of it. */
import { expect, test } from 'vitest'
import { fakeStream } from '../../support/fake-stream.ts'
import { createHubHarness } from '../../support/hub-harness.ts'

function setUp() {
  const { hub, clock } = createHubHarness()
  let ends = 0
  const stream = Object.assign(fakeStream(), {
    end: () => {
      ends += 1
    },
  })
  const connection = hub.connect({ client: 'alice', stream })
  return { clock, stream, connection, ends: () => ends }
}

test('a stream that has the method ends once its client has received the goodbye', async () => {
  const { clock, stream, connection, ends } = setUp()
  await clock.runPending()
  stream.stall()
  connection.disconnect()
  await clock.runPending()
  expect(ends()).toBe(0)
  stream.resume()
  await connection.ended
  expect(ends()).toBe(1)
})

test('a stream whose client has left is not ended once more', async () => {
  const { clock, stream, connection, ends } = setUp()
  await clock.runPending()
  stream.leave()
  await connection.ended
  expect(ends()).toBe(0)
})
