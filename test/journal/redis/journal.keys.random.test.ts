/** Random programs of events with keys on the Redis journal. */
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { keyedPrograms, MAX_EVENTS, runKeyedProgram } from '../../support/keyed-programs.ts'
import { REDIS_IS_MISSING } from '../../support/redis.ts'
import { closeJournals, openRedisJournal, redisForSuite } from '../../support/redis-journals.ts'

describe.skipIf(REDIS_IS_MISSING)('the journal in Redis', () => {
  const redis = redisForSuite()

  test('stores, replaces and retains events as a naive one does', async () => {
    await fc.assert(
      fc.asyncProperty(keyedPrograms, async (program) => {
        const { journal } = await openRedisJournal(redis, { maxEvents: MAX_EVENTS })
        await runKeyedProgram(journal, program)
        await closeJournals()
      }),
      { numRuns: 60 },
    )
  })
})
