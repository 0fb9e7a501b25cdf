/** Random programs of events with keys on the SQLite journal. */
import fc from 'fast-check'
import { afterAll, beforeAll, test } from 'vitest'
import { keyedPrograms, MAX_EVENTS, runKeyedProgram } from '../../support/keyed-programs.ts'
import { type Objects, startObjects } from '../../support/sqlite-journals.ts'

let objects: Objects

beforeAll(async () => {
  objects = await startObjects()
})

afterAll(() => objects.close())

test('events are stored, replaced and retained as a naive journal does it', async () => {
  await fc.assert(
    fc.asyncProperty(keyedPrograms, async (program) => {
      const { journal } = await objects.open({ maxEvents: MAX_EVENTS })
      await runKeyedProgram(journal, program)
    }),
    { numRuns: 60 },
  )
})
