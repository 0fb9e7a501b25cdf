/** Random programs of events with keys on the memory journal. */
import fc from 'fast-check'
import { test } from 'vitest'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { keyedPrograms, MAX_EVENTS, runKeyedProgram } from '../../support/keyed-programs.ts'

test('events are stored, replaced and retained as a naive journal does it', async () => {
  await fc.assert(
    fc.asyncProperty(keyedPrograms, async (program) => {
      await runKeyedProgram(createMemoryJournal({ maxEvents: MAX_EVENTS }), program)
    }),
    { numRuns: 1_000 },
  )
})
