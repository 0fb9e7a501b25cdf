/** The conformance checks fail for journals that break a promise. */
import { describe, expect, test } from 'vitest'
import { type JournalUnderTest, journalChecks } from '../../../src/journal/conformance/index.ts'
import type { DeliveredEvent, Journal, JournalHandler } from '../../../src/journal/journal.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { manualClock } from '../../support/clock.ts'
import { recordingHandler } from '../../support/journal-handler.ts'

type Break = (journal: Journal) => Partial<Journal>

/** The names of the checks that a journal fails. */
async function failures(broken: Break): Promise<string[]> {
  const failed: string[] = []
  for (const { name, run } of journalChecks((bounds) => open(bounds, broken))) {
    await run().catch(() => failed.push(name))
  }
  return failed
}

async function open(bounds: object, broken: Break): Promise<JournalUnderTest> {
  const clock = manualClock()
  const intact = createMemoryJournal({ clock, ...bounds })
  // Spread would read `stats` once.
  const journal = Object.assign(Object.create(intact) as Journal, broken(intact))
  const deliveries: DeliveredEvent[] = []
  journal.open(recordingHandler(deliveries))
  return {
    journal,
    deliveries,
    advance: clock.advance,
    eventually: async (holds) => demand(holds()),
  }
}

function demand(holds: boolean): void {
  if (!holds) throw new Error('It does not hold.')
}

test('the memory journal passes every check', async () => {
  expect(await failures(() => ({}))).toEqual([])
})

describe('a journal fails a check when it', () => {
  test.each<[string, Break, RegExp]>([
    [
      'delivers nothing',
      (journal) => ({
        open: (handler: JournalHandler) => journal.open({ ...handler, deliver: () => {} }),
      }),
      /delivered in order/,
    ],
    [
      'gives events of other addresses',
      (journal) => ({
        read: (keys, cursor, bytes) => journal.read([...keys, 'c:bob'], cursor, bytes),
      }),
      /nothing else/,
    ],
    [
      'reports no gap',
      (journal) => ({
        read: async (...args) => ({ ...(await journal.read(...args)), gap: undefined }),
      }),
      /gap is reported/,
    ],
    [
      'reports a gap always',
      (journal) => ({
        read: async (...args) => ({ ...(await journal.read(...args)), gap: 'evicted' }),
      }),
      /nothing else/,
    ],
    [
      'ignores the bytes of a batch',
      (journal) => ({ read: (keys, cursor) => journal.read(keys, cursor, 1e9) }),
      /split into batches/,
    ],
    [
      'never moves its head',
      (journal) => {
        const head = journal.head()
        return { head: () => head }
      },
      /delivered in order/,
    ],
    ['counts nothing', () => ({ stats: { events: 0, bytes: 0 } }), /stats count/],
  ])('%s', async (_, broken, name) => {
    expect(await failures(broken)).toContainEqual(expect.stringMatching(name))
  })
})
