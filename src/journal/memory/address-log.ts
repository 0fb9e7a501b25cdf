/** The log of one address: its events, oldest first. An event that was superseded leaves its place empty for a while. */
import type { JournalEntry } from '../journal.ts'

/**
 * An event stored at one address. It is in two lists: the log of its address, and a linked list of all events
 * by age, in which those of several addresses that share an entry are neighbours.
 */
export interface StoredEvent {
  entry: JournalEntry
  readonly log: AddressLog
  readonly at: number
  older: StoredEvent | undefined
  newer: StoredEvent | undefined
}

/** The log of one address. */
export interface AddressLog {
  readonly key: string
  /** The events, oldest first, from index `first` on. The elements before it are undefined. */
  events: (StoredEvent | undefined)[]
  /** The index of the oldest event. */
  first: number
  /** The number of places after `first` whose events were superseded. */
  gaps: number
  /** The sequence of the last evicted entry. */
  evictedUpTo: number
}

/** A position in the log of one address. */
export interface LogReader {
  readonly events: AddressLog['events']
  next: number
}

/** The frame of an entry that was superseded: its sequence still orders the log. */
const NO_FRAME = new Uint8Array(0)

/** Creates an empty log. */
export function newAddressLog(key: string, evictedUpTo: number): AddressLog {
  return { key, events: [], first: 0, gaps: 0, evictedUpTo }
}

/** The number of events in a log. */
export function lengthOf({ events, first, gaps }: AddressLog): number {
  return events.length - first - gaps
}

/** Removes the oldest event of a log. */
export function dropFirst(log: AddressLog): void {
  log.events[log.first] = undefined
  log.first += 1
  tidy(log)
}

/** Removes an event that was superseded, and is in the list of all events no longer. */
export function dropSuperseded(stored: StoredEvent): void {
  stored.entry = { ...stored.entry, frame: NO_FRAME }
  // Its place must not keep its neighbours in memory.
  stored.older = undefined
  stored.newer = undefined
  stored.log.gaps += 1
  tidy(stored.log)
}

/** Whether an event is stored, and was not superseded. */
export function isStored(stored: StoredEvent | undefined): boolean {
  return stored?.entry.frame !== NO_FRAME
}

/** Returns a reader that starts with the first event after a sequence, which binary search finds. */
export function readerAfter({ events, first }: AddressLog, sequence: number): LogReader {
  let low = first
  let high = events.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((events[middle]?.entry.sequence ?? 0) > sequence) high = middle
    else low = middle + 1
  }
  return { events, next: low }
}

/** The sequence of the event that a reader is at; infinity at the end. */
export function sequenceAt(reader: LogReader | undefined): number {
  return reader?.events[reader.next]?.entry.sequence ?? Number.POSITIVE_INFINITY
}

function tidy(log: AddressLog): void {
  // The first one is always stored.
  while (log.gaps > 0 && !isStored(log.events[log.first])) {
    log.events[log.first] = undefined
    log.first += 1
    log.gaps -= 1
  }
  // More than half of the array is empty: copying the rest now takes amortized constant time per entry.
  if ((log.first + log.gaps) * 2 <= log.events.length) return
  log.events = log.events.slice(log.first)
  if (log.gaps > 0) log.events = log.events.filter(isStored)
  log.first = 0
  log.gaps = 0
}
