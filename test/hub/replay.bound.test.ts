/** What is held while the journal is read: exactly up to a bound, and beyond it the journal is read again. */
import { expect, test } from 'vitest'
import { encodeFrame } from '../../src/core/event.ts'
import { publishedData } from '../support/events.ts'
import { createHubHarness, SMALL } from '../support/hub-harness.ts'
import { createLateJournal, type LateJournal } from '../support/late-journal.ts'

/** A quarter of the queue. */
const MAX_HELD_BYTES = Math.ceil((SMALL.maxQueuedBytes ?? 0) / 4)

test.each([
  ['up to the bound it is held', 1, 0, 1],
  ['a byte beyond it is read again', 1, 1, 2],
  ['at ten times the bound it is read again', 10, 0, 2],
])('what arrives during a read comes once and in order: %s', async (_, count, more, reads) => {
  const made: LateJournal[] = []
  const { clock, connect, broadcast, journal } = createHubHarness({
    ...SMALL,
    journal: (clock) => {
      const late = createLateJournal({ clock })
      made.push(late)
      return late
    },
  })
  const [late] = made
  const [cursor] = await broadcast('seen')
  const { stream, connection } = await connect('alice', { lastEventId: cursor })
  const { byteLength } = encodeFrame({ id: journal.head().id, data: '' })
  const data = Array.from({ length: count }, (_, n) =>
    `${n}`.padEnd(MAX_HELD_BYTES + more - byteLength, 'x'),
  )
  await broadcast(...data)
  const held = connection.replay?.heldEvents.map(({ frame }) => frame.byteLength) ?? []
  expect(held.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(MAX_HELD_BYTES)
  let answers = 0
  for (; late && late.pendingReads > 0; answers += 1) {
    late.answer(answers === 0 ? 'at request' : 'at answer')
    await clock.runPending()
  }
  expect(publishedData(stream)).toEqual(data)
  expect(Math.min(answers, 2)).toBe(reads)
})
