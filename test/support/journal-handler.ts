/** A hub as its journal sees it, which only records what the journal delivers. */
import type { DeliveredEvent, JournalHandler } from '../../src/journal/journal.ts'

/** Records deliveries; `overrides` replaces what else the hub would do. */
export function recordingHandler(
  deliveries: DeliveredEvent[],
  overrides: Partial<JournalHandler> = {},
): JournalHandler {
  return {
    deliver: (delivery) => void deliveries.push(delivery),
    missed: () => {},
    respond: () => null,
    ...overrides,
  }
}
