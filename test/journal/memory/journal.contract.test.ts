/** The memory journal keeps the contract of all journals. */
import type { DeliveredEvent } from '../../../src/journal/journal.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { manualClock } from '../../support/clock.ts'
import { recordingHandler } from '../../support/journal-handler.ts'
import { journalSuite } from '../../support/journal-suite.ts'

journalSuite(async (bounds) => {
  const clock = manualClock()
  const journal = createMemoryJournal({ clock, ...bounds })
  const deliveries: DeliveredEvent[] = []
  journal.open(recordingHandler(deliveries))
  return { journal, deliveries, delivered: async () => {}, advance: clock.advance }
})
