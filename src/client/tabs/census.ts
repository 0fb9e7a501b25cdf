/** The topics of the shared stream: those of the tabs that are there, as far as one stream carries them. */
import { MAX_TOPICS } from '../../core/address.ts'
import type { Clock } from '../../core/clock.ts'

/** Asks the tabs for their topics. */
export interface Census {
  /** Adds the topics of a tab that answered. Starts a census if these topics are new, and then returns true. */
  add(topics: readonly string[]): boolean
  stop(): void
}

/** Milliseconds that the tabs have to answer. */
const CENSUS_MS = 100

/** The number of answers that are read. */
const MAX_ANSWERS = 100

/** Whether one list of topics contains another. */
export function includesAll(topics: readonly string[], others: readonly string[]): boolean {
  return others.every((topic) => topics.includes(topic))
}

/**
 * Returns the topics of a tab and of those others that fit. Tabs that `current` covers come first, so
 * that the same tabs get in each time.
 */
export function unionOf(
  own: readonly string[],
  others: readonly (readonly string[])[],
  current: readonly string[],
): readonly string[] {
  const isIn = (topics: readonly string[]) => includesAll(current, topics)
  let union = own
  for (const topics of [...others.filter(isIn), ...others.filter((other) => !isIn(other))]) {
    const larger = [...new Set([...union, ...topics])]
    if (larger.length <= MAX_TOPICS) union = larger
  }
  return union
}

/**
 * Creates a census. All tabs are asked, so that the topics of those that are gone make room for new ones.
 * @param current - returns the topics of the shared stream
 * @param onGrown - is called after a census with topics that the shared stream lacks
 */
export function createCensus(
  clock: Clock,
  own: readonly string[],
  current: () => readonly string[],
  onGrown: (topics: readonly string[]) => void,
): Census {
  let answers: (readonly string[])[] = []
  let stopClock: (() => void) | undefined
  return { add, stop }

  function add(topics: readonly string[]): boolean {
    const isNew = !stopClock && !includesAll(current(), topics)
    if (isNew) stopClock = clock.every(CENSUS_MS, end)
    if (stopClock && answers.length < MAX_ANSWERS) answers.push(topics)
    return isNew
  }

  function end(): void {
    const union = unionOf(own, answers, current())
    stop()
    if (!includesAll(current(), union)) onGrown(union)
  }

  function stop(): void {
    stopClock?.()
    stopClock = undefined
    answers = []
  }
}
