/** Ephemeral events overtake no stored event while a client catches up. */
import { expect, test } from 'vitest'
import { publishedData } from '../support/events.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { createHubHarness, SMALL } from '../support/hub-harness.ts'
import { createLateJournal, type LateJournal } from '../support/late-journal.ts'

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

function setUpLate() {
  const made: LateJournal[] = []
  const harness = createHubHarness({
    ...SMALL,
    journal: (clock) => {
      const late = createLateJournal({ clock })
      made.push(late)
      // As Redis does: without a cursor it returns only where the journal ends.
      const read = (keys: readonly string[], cursor: string | undefined, maxBytes: number) =>
        late.read(cursor === undefined ? [] : keys, cursor, maxBytes)
      return { ...late, read }
    },
  })
  const [late] = made as [LateJournal]
  const { clock, hub } = harness
  return { ...harness, late, typing, answerAll }

  function typing(data: string) {
    return hub.publish('everyone', { data, ephemeral: true })
  }

  async function answerAll() {
    while (late.pendingReads > 0) {
      late.answer('at answer')
      await clock.runPending()
    }
  }
}

test.each([
  ['with a cursor', 'earliest'],
  ['without one', undefined],
])(
  'ephemeral events overtake nothing that was stored before the hub listened: a stream %s',
  async (_, lastEventId) => {
    const { late, connect, broadcast, typing, answerAll } = setUpLate()
    const { stream } = await connect('alice', { lastEventId })
    await broadcast('1')
    late.hold()
    await broadcast('2')
    late.drop()
    await typing('after 2')
    await broadcast('3')
    await typing('after 3')
    await answerAll()
    expect(publishedData(stream)).toEqual(['1', '2', 'after 2', '3', 'after 3'])
  },
)

test.each([
  ['with a cursor', 'earliest'],
  ['without one', undefined],
])('nor if nothing was stored since: a stream %s', async (_, lastEventId) => {
  const { late, connect, broadcast, typing, answerAll } = setUpLate()
  const { stream } = await connect('alice', { lastEventId })
  await broadcast('1')
  late.hold()
  await broadcast('2')
  late.drop()
  await typing('after 2')
  await answerAll()
  expect(publishedData(stream)).toEqual(['1', '2', 'after 2'])
})

test('ephemeral events overtake nothing of a replay, and are overtaken by nothing that is on its way', async () => {
  const { clock, late, connect, broadcast, typing, answerAll } = setUpLate()
  await broadcast(`1 ${BIG}`, `2 ${BIG}`)
  const { stream } = await connect('alice', { lastEventId: 'earliest' })
  late.hold()
  await broadcast(`3 ${BIG}`)
  late.drop()
  await typing('typing')
  late.answer('at request')
  late.hold()
  await broadcast('4')
  await clock.runPending()
  await answerAll()
  const data = publishedData(stream).map((one) => one.slice(0, 6).trim())
  expect(data).toEqual(['1 xxxx', '2 xxxx', '3 xxxx', 'typing', '4'])
})
