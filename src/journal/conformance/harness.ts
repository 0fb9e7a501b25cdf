/** What the checks need: a journal under test, and the smallest assertions that fail with a reason. */
import type { DeliveredEvent, Journal, ReplayBatch } from '../journal.ts'

/** One promise of the contract. */
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
  /** Lets `ms` milliseconds pass as the journal measures time. */
  advance(ms: number): Promise<void>
}

/** The bounds a check needs; whatever is absent is large enough for it. */
export interface ConformanceBounds {
  /** Events per address. */
  readonly maxEvents?: number
  readonly maxAgeMs?: number
  /** Bytes of all events. */
  readonly maxBytes?: number
}

/**
 * Opens a new, empty journal that is ready. `subscribed`: the keys at which a connection of this hub
 * listens; a journal without `backplane.subscribe` ignores them.
 */
export type OpenJournal = (
  bounds: ConformanceBounds,
  subscribed: readonly string[],
) => Promise<JournalUnderTest>

export function check(name: string, run: () => Promise<void>): ConformanceCheck {
  return { name, run }
}

export function idsOf({ entries }: ReplayBatch): string[] {
  return entries.map(({ id }) => id)
}

export function decodeFrame(item: { readonly frame: Uint8Array } | undefined): string {
  return new TextDecoder().decode(item?.frame)
}

export function truthy(condition: boolean, what: string): void {
  if (!condition) throw new Error(`Not so: ${what}.`)
}

/** Compares JSON, so that undefined in a list equals null. */
export function equal(actual: unknown, expected: unknown): void {
  const [found, wanted] = [
    JSON.stringify(actual) ?? 'undefined',
    JSON.stringify(expected) ?? 'undefined',
  ]
  if (found !== wanted) throw new Error(`Expected ${wanted}, found ${found}.`)
}
