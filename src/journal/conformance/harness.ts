/** What the checks need: a journal under test, and minimal assertions that say why they fail. */
import type { DeliveredEvent, Journal, ReplayBatch } from '../journal.ts'

/** The check of one promise of the contract. */
export interface ConformanceCheck {
  /** A sentence: the name of the test. */
  readonly name: string
  /** @throws {Error} when the journal breaks the promise */
  run(): Promise<void>
}

/** An open journal under test. */
export interface JournalUnderTest {
  readonly journal: Journal
  /** What the journal has delivered to its handler so far. */
  readonly deliveries: readonly DeliveredEvent[]
  /** Resolves once the condition holds. It should reject after some seconds. */
  eventually(condition: () => boolean): Promise<void>
  /** Advances the time that the journal measures by `ms` milliseconds. */
  advance(ms: number): Promise<void>
  /**
   * Closes the journal and returns it as the next process opens it, ready, after `open` was called.
   * @defaultValue it ends with its process
   */
  reopen?(): Promise<Journal>
}

/** The bounds that a check needs. An absent bound must be too large to evict anything. */
export interface ConformanceBounds {
  /** Events per address. */
  readonly maxEvents?: number
  readonly maxAgeMs?: number
  /** Bytes of all events. */
  readonly maxBytes?: number
  /** Bytes of all retained events. */
  readonly maxRetainedBytes?: number
}

/**
 * Opens a new, empty journal that is ready. `subscribed`: the keys that a connection of this hub
 * listens to; a journal without `backplane.subscribe` ignores them.
 */
export type OpenJournal = (
  bounds: ConformanceBounds,
  subscribed: readonly string[],
) => Promise<JournalUnderTest>

/** Creates a check. */
export function check(name: string, run: () => Promise<void>): ConformanceCheck {
  return { name, run }
}

/** The ids of the events in a batch. */
export function idsOf({ entries }: ReplayBatch): string[] {
  return entries.map(({ id }) => id)
}

/** The text of a frame. */
export function decodeFrame(item: { readonly frame: Uint8Array } | undefined): string {
  return new TextDecoder().decode(item?.frame)
}

/** @throws {Error} unless the condition holds. @param what - the condition in words */
export function truthy(condition: boolean, what: string): void {
  if (!condition) throw new Error(`This does not hold: ${what}.`)
}

/** @throws {Error} unless both values have the same JSON, in which undefined in a list equals null */
export function equal(actual: unknown, expected: unknown): void {
  const [found, required] = [
    JSON.stringify(actual) ?? 'undefined',
    JSON.stringify(expected) ?? 'undefined',
  ]
  if (found !== required) throw new Error(`Expected ${required}, found ${found}.`)
}
