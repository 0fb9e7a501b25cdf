/** Ephemeral events overtake no stored event while a client catches up. */
import { expect, test } from 'vitest'
import { publishedData } from '../support/events.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { createHubHarness, SMALL } from '../support/hub-harness.ts'

const BIG = 'x'.repeat(20_000)

test('ephemeral events keep their place among the replayed events', async () => {
  const { clock, hub, connect, broadcast } = createHubHarness(SMALL)
  const [cursor] = await broadcast('seen')
  await broadcast(`1 ${BIG}`, `2 ${BIG}`, `3 ${BIG}`)
  const stream = fakeStream()
  stream.stall()
  await connect('alice', { lastEventId: cursor, stream })
  await hub.publish('everyone', { data: 'typing', ephemeral: true })
  await broadcast(`4 ${BIG}`)
  await hub.publish('everyone', { data: 'sent', ephemeral: true })
  stream.resume()
  await clock.runPending()
  expect(publishedData(stream).map((data) => data.slice(0, 6).trim())).toEqual([
    '1 xxxx',
    '2 xxxx',
    '3 xxxx',
    'typing',
    '4 xxxx',
    'sent',
  ])
})

test('ephemeral events beyond the bound are dropped, oldest first, and the client stays connected', async () => {
  const { clock, hub, connect, broadcast } = createHubHarness(SMALL)
  const [cursor] = await broadcast('seen')
  await broadcast(`1 ${BIG}`, `2 ${BIG}`)
  const stream = fakeStream()
  stream.stall()
  const { connection } = await connect('alice', { lastEventId: cursor, stream })
  for (let n = 0; n < 20; n++) {
    await hub.publish('everyone', { data: `${n} ${'y'.repeat(5_000)}`, ephemeral: true })
  }
  stream.resume()
  await clock.runPending()
  expect(connection.open).toBe(true)
  expect(publishedData(stream).map((data) => data.slice(0, 4))).toEqual([
    '1 xx',
    '2 xx',
    '16 y',
    '17 y',
    '18 y',
    '19 y',
  ])
})
