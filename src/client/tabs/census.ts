/** The topics of the shared stream: those of the tabs that are there, as far as one stream carries them. */
import { MAX_TOPICS } from '../../core/address.ts'
import type { BasicClock } from '../../core/clock.ts'
import { covers, follows } from '../../core/patterns/topic-pattern.ts'

/** Lists of topics. */
export type TopicLists = readonly (readonly string[])[]

/** Collects the topics of the tabs. */
export interface Census {
  /** Adds the topics of a tab that answered. Starts a census if they are new, and then returns true: all tabs are to be asked. */
  add(topics: readonly string[], isNew: boolean): boolean
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

/** Whether what follows some topics receives all that others would. */
export function coversAll(topics: readonly string[], others: readonly string[]): boolean {
  return others.every((topic) => follows(topics, topic))
}

/**
 * Returns the topics of a tab and of those others that fit. Tabs that `current` covers come first, so
 * that the same tabs get in each time. The union covers no list that the hub has refused, and contains no topic that a
 * pattern in it covers.
 */
export function unionOf(
  own: readonly string[],
  others: TopicLists,
  current: readonly string[],
  refused: TopicLists,
): readonly string[] {
  let union = own
  for (const topics of [...others.filter((topics) => coversAll(current, topics)), ...others]) {
    const all = [...new Set([...union, ...topics])]
    const larger = all.filter((one) => !all.some((other) => other !== one && covers(other, one)))
    const isRefused = refused.some((list) => coversAll(larger, list))
    if (larger.length <= MAX_TOPICS && !isRefused) union = larger
  }
  return union
}

/** Creates a census. All tabs are asked, so that the topics of those that are gone make room for new ones. */
export function createCensus(clock: BasicClock, onEnd: (answers: TopicLists) => void): Census {
  let answers: (readonly string[])[] = []
  let stopClock: (() => void) | undefined
  return { add, stop }

  function add(topics: readonly string[], isNew: boolean): boolean {
    const starts = isNew && !stopClock
    if (starts) {
      stopClock = clock.every(CENSUS_MS, () => {
        onEnd(answers)
        stop()
      })
    }
    if (stopClock && answers.length < MAX_ANSWERS) answers.push(topics)
    return starts
  }

  function stop(): void {
    stopClock?.()
    stopClock = undefined
    answers = []
  }
}
