/** The checks of restarts fail for journals that give a position to a second event. */
import { expect, test } from 'vitest'
import { type HubEvent, positionOf } from '../../../src/journal/conformance/index.ts'
import { restartChecks } from '../../../src/journal/conformance/restart-checks.ts'
import type { Journal } from '../../../src/journal/journal.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { manualClock } from '../../support/clock.ts'
import { recordingHandler } from '../../support/journal-handler.ts'

/** A journal as one process opens it: its own changes over those of the memory journal. */
type Make = (clock: ReturnType<typeof manualClock>) => Journal

const sound: Make = (clock) => createMemoryJournal({ clock })

const NEW = 'each new journal starts an epoch of its own'
const AGAIN = 'a journal that is opened again loses nothing without a gap'
const CLOSED = 'a journal that is closed is not ready, and may be closed again'

/** The names of the checks that a journal fails. @param next - how the next process opens it; if it can't, the journal ends with its process */
async function failures(make: Make, next?: (closed: Journal) => Make): Promise<string[]> {
  const failed: string[] = []
  const clock = manualClock()
  const opened = (how: Make) => {
    const journal = how(clock)
    journal.open(recordingHandler([]))
    return journal
  }
  const checks = restartChecks(async () => {
    const journal = opened(make)
    const reopen = next && (async () => opened(next(journal)))
    return {
      journal,
      deliveries: [],
      eventually: async () => {},
      advance: clock.advance,
      ...(reopen && { reopen }),
    }
  })
  for (const { name, run } of checks) await run().catch(() => failed.push(name))
  return failed
}

/** Renames the epoch. */
function withEpoch(journal: Journal, epoch: string): Journal {
  const own = journal.head().id.replace(/-0$/, '')
  const rename = <T extends { readonly id: string }>(one: T): T => ({
    ...one,
    id: one.id.replace(own, epoch),
  })
  const changes: Partial<Journal> = {
    head: () => rename(journal.head()),
    append: async (key: string, event: HubEvent) => rename(await journal.append(key, event)),
    read: async (keys, cursor, bytes) => {
      const batch = await journal.read(keys, cursor?.replace(`${epoch}-`, `${own}-`), bytes)
      return { ...batch, end: rename(batch.end), entries: batch.entries.map(rename) }
    },
  }
  return Object.assign(Object.create(journal) as Journal, changes)
}

const constant: Make = (clock) => withEpoch(sound(clock), 'abc')

/** The same log, as the next process finds it. */
const reopened = (journal: Journal) => () =>
  Object.assign(Object.create(journal) as Journal, { open: () => {} })

test('journals that end with their process, that go on, and that start anew pass', async () => {
  expect(await failures(sound)).toEqual([])
  expect(await failures(sound, reopened)).toEqual([])
  expect(await failures(sound, () => sound)).toEqual([])
})

test('an epoch that is a constant fails', async () => {
  expect(await failures(constant)).toEqual([NEW])
  expect(await failures(constant, () => constant)).toEqual([NEW, AGAIN])
})

test('a sequence that goes on without the events before fails', async () => {
  let shared: Journal | undefined
  const forgetful = (journal: Journal) => () => {
    shared = reopened(journal)()
    return Object.assign(shared, {
      read: async (...[keys, cursor, bytes]: Parameters<Journal['read']>) => ({
        ...(await journal.read(keys, cursor, bytes)),
        entries: [],
        end: positionOf('x', 0),
      }),
    })
  }
  expect(await failures(sound, forgetful)).toEqual([AGAIN])
})

test('a journal that stays ready, or that can be closed only once, fails', async () => {
  const ready: Make = (clock) => Object.assign(sound(clock), { ready: true })
  expect(await failures(ready)).toEqual([CLOSED])
  const once: Make = (clock) => {
    let isClosed = false
    return Object.assign(sound(clock), {
      close: () => {
        if (isClosed) throw new Error('Closed.')
        isClosed = true
      },
    })
  }
  expect(await failures(once)).toEqual([CLOSED])
})
