/** The checks of patterns fail for journals that lose, repeat or reorder events there. */
import { expect, test } from 'vitest'
import { patternChecks } from '../../../src/journal/conformance/pattern-checks.ts'
import type { DeliveredEvent, Journal, JournalHandler } from '../../../src/journal/journal.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { manualClock } from '../../support/clock.ts'
import { recordingHandler } from '../../support/journal-handler.ts'

type Break = (journal: Journal) => Partial<Journal>

/** The names of the checks that a journal fails. @param restarted - how it breaks once it is opened again; without it, it is not */
async function failures(broken: Break, restarted?: Break): Promise<string[]> {
  const failed: string[] = []
  const checks = patternChecks(async (bounds) => {
    const clock = manualClock()
    const intact = createMemoryJournal({ clock, ...bounds })
    const journal = Object.assign(Object.create(intact) as Journal, broken(intact))
    const deliveries: DeliveredEvent[] = []
    journal.open(recordingHandler(deliveries))
    const eventually = async (holds: () => boolean) => {
      if (!holds()) throw new Error('It does not hold.')
    }
    const reopen =
      restarted &&
      (async () => Object.assign(Object.create(journal) as Journal, restarted(journal)))
    const base = { journal, deliveries, advance: clock.advance, eventually }
    return reopen ? { ...base, reopen } : base
  })
  for (const { name, run } of checks) await run().catch(() => failed.push(name))
  return failed
}

/** A journal whose handler is called in another way. */
function delivering(change: (event: DeliveredEvent, deliver: JournalHandler['deliver']) => void) {
  return (journal: Journal): Partial<Journal> => ({
    open: (handler) => {
      journal.open({ ...handler, deliver: (event) => change(event, handler.deliver) })
    },
  })
}

test('the memory journal passes every check, also if it delivers at one key after another', async () => {
  expect(await failures(() => ({}))).toEqual([])
  expect(
    await failures(
      () => ({}),
      () => ({}),
    ),
  ).toEqual([])
  const oneByOne = delivering(({ keys, ...event }, deliver) => {
    for (const key of [keys].flat()) deliver({ keys: key, ...event })
  })
  expect(await failures(oneByOne)).toEqual([])
})

test.each<[string, Break, RegExp]>([
  [
    'stores nothing at patterns',
    (journal) => ({ append: (keys, event) => journal.append([keys].flat()[0] ?? '', event) }),
    /is read at the patterns/,
  ],
  [
    'delivers at the first key only',
    delivering(({ keys, ...event }, deliver) =>
      deliver({ keys: [keys].flat()[0] ?? '', ...event }),
    ),
    /delivered once at each/,
  ],
  [
    'delivers twice at a key',
    delivering((event, deliver) => {
      deliver(event)
      deliver({ ...event, keys: 'p:a/*' })
    }),
    /delivered once at each/,
  ],
  [
    'reports at each key what another has lost',
    (journal) => ({
      read: (keys, cursor, bytes) => journal.read([...keys, 'p:a/**'], cursor, bytes),
    }),
    /no other key does/,
  ],
  [
    'keeps silent about events from before a pattern was followed',
    (journal) => {
      let isFollowed = false
      return {
        append: (keys, event) =>
          journal.append(isFollowed ? keys : ([keys].flat()[0] ?? ''), event),
        read: (keys, cursor, bytes) => {
          isFollowed ||= keys.some((key) => key.startsWith('p:'))
          return journal.read(keys, cursor, bytes)
        },
      }
    },
    /from before a pattern was followed/,
  ],
])('a journal fails a check when it %s', async (_, broken, name) => {
  expect(await failures(broken)).toContainEqual(expect.stringMatching(name))
})

test('a journal fails a check when it forgets patterns, or the topic, at a restart', async () => {
  const forgetting = (prefix: string): Break => {
    return (journal) => ({
      read: async (keys, cursor, bytes) => {
        const batch = await journal.read(keys, cursor, bytes)
        return keys.some((key) => key.startsWith(prefix)) ? { ...batch, entries: [] } : batch
      },
    })
  }
  for (const prefix of ['p:a/*', 'p:a/**', 't:']) {
    expect(await failures(() => ({}), forgetting(prefix))).toEqual([
      expect.stringMatching(/survive a restart/),
    ])
  }
})
