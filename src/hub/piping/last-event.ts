/** The last event of a pipe: it is published also if the journal can't store it before some time has passed. */
import type { Clock } from '../../core/clock.ts'

const RETRY_MS = 1_000

/** How often it is tried again: for five minutes, which is also how long the journal stores events by default. */
const MAX_RETRIES = 300

/**
 * Publishes an event, and tries again in the background while it can't be published for now. It may then arrive twice.
 * @param publish - resolves with whether nothing is to be tried again; it MUST NOT reject
 * @returns what resolves after the first attempt
 */
export async function publishLast(
  publish: () => Promise<boolean>,
  clock: Pick<Clock, 'every'>,
): Promise<void> {
  if (await publish()) return
  let retries = 0
  let isTrying = false
  const stop = clock.every(RETRY_MS, () => {
    if (isTrying) return
    isTrying = true
    retries += 1
    void publish().then((isDone) => {
      isTrying = false
      if (isDone || retries === MAX_RETRIES) stop()
    })
  })
}
