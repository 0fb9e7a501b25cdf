/** The checks of several addresses fail for journals that store or deliver such an event in another way. */
import { expect, test } from 'vitest'
import { severalChecks } from '../../../src/journal/conformance/several-checks.ts'
import type { DeliveredEvent, Journal, JournalHandler } from '../../../src/journal/journal.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { manualClock } from '../../support/clock.ts'
import { recordingHandler } from '../../support/journal-handler.ts'

type Break = (journal: Journal) => Partial<Journal>

/** The names of the checks that a journal fails. */
async function failures(broken: Break): Promise<string[]> {
  const failed: string[] = []
  const checks = severalChecks(async (bounds) => {
    const clock = manualClock()
    const intact = createMemoryJournal({ clock, ...bounds })
    const journal = Object.assign(Object.create(intact) as Journal, broken(intact))
    const deliveries: DeliveredEvent[] = []
    journal.open(recordingHandler(deliveries))
    return {
      journal,
      deliveries,
      advance: clock.advance,
      eventually: async (holds) => {
        if (!holds()) throw new Error('It does not hold.')
      },
    }
  })
  for (const { name, run } of checks) await run().catch(() => failed.push(name))
  return failed
}

test('the memory journal passes every check', async () => {
  expect(await failures(() => ({}))).toEqual([])
})

test.each<[string, Break, RegExp]>([
  [
    'stores one event for each address',
    (journal) => ({
      append: async (keys, event) => {
        const results = await Promise.all([keys].flat().map((key) => journal.append(key, event)))
        return results.at(-1) as (typeof results)[number]
      },
    }),
    /one position/,
  ],
  [
    'stores it at the first address only',
    (journal) => ({ append: (keys, event) => journal.append([keys].flat()[0] ?? '', event) }),
    /read once/,
  ],
  [
    'delivers it once for each address',
    (journal) => ({
      open: (handler: JournalHandler) => {
        const deliver = ({ keys, ...event }: DeliveredEvent) => {
          for (const key of [keys].flat()) handler.deliver({ keys: key, ...event })
        }
        journal.open({ ...handler, deliver })
      },
    }),
    /delivered once/,
  ],
  [
    'reads it once for each address',
    (journal) => ({
      read: async (keys, cursor, bytes) => {
        const batches = await Promise.all(keys.map((key) => journal.read([key], cursor, bytes)))
        const entries = batches.flatMap((batch) => batch.entries)
        const [first] = batches as [(typeof batches)[number]]
        return { ...first, entries: entries.sort((one, other) => one.sequence - other.sequence) }
      },
    }),
    /read once/,
  ],
  [
    'reports at each address what another has lost',
    (journal) => ({
      read: (keys, cursor, bytes) => journal.read([...keys, 'c:alice'], cursor, bytes),
    }),
    /still found at the others/,
  ],
  [
    'refuses that many addresses',
    (journal) => ({
      append: (keys, event) => {
        if (keys.length > 999) throw new Error('too many')
        return journal.append(keys, event)
      },
    }),
    /a thousand/,
  ],
])('a journal fails a check when it %s', async (_, broken, name) => {
  expect(await failures(broken)).toContainEqual(expect.stringMatching(name))
})
