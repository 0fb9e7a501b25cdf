/** The checks of appending once fail for journals that forget names, mistake events, or store them twice. */
import { expect, test } from 'vitest'
import { onceChecks } from '../../../src/journal/conformance/once-checks.ts'
import type { Journal } from '../../../src/journal/journal.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { manualClock } from '../../support/clock.ts'
import { recordingHandler } from '../../support/journal-handler.ts'

/** The names of the checks that a journal fails. @param change - what it does instead of the memory journal */
async function failures(change: (journal: Journal) => Partial<Journal>): Promise<string[]> {
  const failed: string[] = []
  const checks = onceChecks(async () => {
    const clock = manualClock()
    const journal = createMemoryJournal({ clock })
    const deliveries: never[] = []
    journal.open(recordingHandler(deliveries))
    return {
      journal: { ...journal, ...change(journal) },
      deliveries,
      eventually: async (condition) => {
        if (!condition()) throw new Error('It does not hold.')
      },
      advance: clock.advance,
    }
  })
  for (const { name, run } of checks) await run().catch(() => failed.push(name))
  return failed
}

const ONCE = 'an event with a name is stored and delivered once, and has one result'
const CONCURRENT = 'of concurrent calls with one name, one stores the event'
const CONFLICT = 'a name with another digest is a conflict, and stores nothing'
const SEVERAL = 'an event for several addresses is stored once at each of them'
const LONGER = 'a name is stored for longer than its event, and no longer than it says'

test('the memory journal passes all checks', async () => {
  expect(await failures(() => ({}))).toEqual([])
})

test('a journal that ignores names fails, unless it says so', async () => {
  const ignores = ({ append }: Journal): Partial<Journal> => ({
    append: (keys, event) => append(keys, event),
  })
  expect(await failures(ignores)).toEqual([ONCE, CONCURRENT, CONFLICT, SEVERAL, LONGER])
  expect(await failures((one) => ({ ...ignores(one), appendsOnce: false }))).toEqual([])
})

test('a journal that does not compare digests fails', async () => {
  const trusts = ({ append }: Journal): Partial<Journal> => ({
    append: (keys, event, once) => append(keys, event, once && { ...once, digest: '' }),
  })
  expect(await failures(trusts)).toEqual([CONFLICT])
})

test('a journal that forgets names too early or too late fails', async () => {
  for (const factor of [0.5, 10]) {
    const forgets = ({ append }: Journal): Partial<Journal> => ({
      append: (keys, event, once) => {
        return append(keys, event, once && { ...once, ttlMs: once.ttlMs * factor })
      },
    })
    expect(await failures(forgets)).toEqual([LONGER])
  }
})

test('a journal that returns another result to a repetition fails', async () => {
  const counts = ({ append }: Journal): Partial<Journal> => ({
    append: async (keys, event, once) => {
      const result = await append(keys, event, once)
      return once ? { ...result, connections: once.connections } : result
    },
  })
  expect(await failures(counts)).toEqual([ONCE])
})
