/** A journal in memory with a backplane of one hub, which says that it has an instance. */
import type { Clock } from '../../src/core/clock.ts'
import type { Journal, JournalHandler } from '../../src/journal/journal.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'

/** Creates a journal as several hubs would share it. */
export function createSharedJournal(clock: Clock): Journal {
  const journal = createMemoryJournal({ clock })
  let hub: JournalHandler | undefined
  return {
    ...journal,
    open: (handler) => {
      hub = handler
      journal.open(handler)
    },
    backplane: {
      instance: 'i-1',
      request: async (request, keepMs) => ({
        responses: [hub?.respond(request, keepMs)],
        asked: 1,
      }),
      useOnce: () => true,
    },
  }
}
