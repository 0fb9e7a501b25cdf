/** The checks of keys at patterns fail for journals that confuse the topics there. */
import { expect, test } from 'vitest'
import { keyedPatternChecks } from '../../../src/journal/conformance/keyed-pattern-checks.ts'
import type { DeliveredEvent, Journal } from '../../../src/journal/journal.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { manualClock } from '../../support/clock.ts'
import { recordingHandler } from '../../support/journal-handler.ts'

type Break = (journal: Journal) => Partial<Journal>

/** The names of the checks that a journal fails. */
async function failures(broken: Break): Promise<string[]> {
  const failed: string[] = []
  const checks = keyedPatternChecks(async (bounds) => {
    const clock = manualClock()
    const intact = createMemoryJournal({ clock, ...bounds })
    const journal = Object.assign(Object.create(intact) as Journal, broken(intact))
    const deliveries: DeliveredEvent[] = []
    journal.open(recordingHandler(deliveries))
    const eventually = async (holds: () => boolean) => {
      if (!holds()) throw new Error('It does not hold.')
    }
    return { journal, deliveries, advance: clock.advance, eventually }
  })
  for (const { name, run } of checks) await run().catch(() => failed.push(name))
  return failed
}

test('the memory journal passes every check', async () => {
  expect(await failures(() => ({}))).toEqual([])
})

test.each<[string, Break, RegExp]>([
  [
    'never supersedes an event',
    (journal) => ({
      append: (keys, event) => journal.append(keys, { ...event, replace: undefined }),
    }),
    /supersedes those with its key and its topic/,
  ],
  [
    'has one key at all addresses of a topic',
    (journal) => ({
      append: async (keys, event) => {
        // Without a topic among them, each key of a pattern is an address of its own.
        const patterns = [keys].flat().filter((key) => key.startsWith('p:'))
        for (const key of patterns) await journal.append(key, { ...event, topic: undefined })
        return await journal.append([keys].flat()[0] ?? '', event)
      },
    }),
    /retained events of its own/,
  ],
  [
    'retains nothing at patterns',
    (journal) => ({
      append: (keys, event) => {
        return journal.append(event.retain ? ([keys].flat()[0] ?? '') : keys, event)
      },
    }),
    /before a pattern was followed/,
  ],
  [
    'ignores names',
    (journal) => ({ append: (keys, event) => journal.append(keys, event) }),
    /stored once/,
  ],
])('a journal fails a check when it %s', async (_, broken, name) => {
  expect(await failures(broken)).toContainEqual(expect.stringMatching(name))
})
