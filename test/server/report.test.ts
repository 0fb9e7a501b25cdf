/** What a listener reports: each kind of failure is logged once a minute. */
import { expect, test } from 'vitest'
import { createReport } from '../../src/server/report.ts'
import { manualClock } from '../support/clock.ts'
import { errorLog } from '../support/error-log.ts'

test('failures with one message are logged once a minute, and others beside them', async () => {
  const errors: unknown[] = []
  const clock = manualClock()
  const report = createReport(errorLog(errors), clock)
  report('accepting', 1)
  report('accepting', 2)
  report('renewing', 3)
  await clock.advance(59_999)
  report('accepting', 4)
  await clock.advance(1)
  report('accepting', 5)
  report('renewed')
  expect(errors).toEqual([1, 3, 5])
})
