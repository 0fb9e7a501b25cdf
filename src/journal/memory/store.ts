/** Entries by address, in order, with the oldest given up when there are too many. */
import type { Shelf, ShelfBounds } from '../event-store.ts'
import type { Entry } from '../journal.ts'

/** A book stands in two rows: the one of its address, and the one of all, by age. */
interface Book {
  readonly entry: Entry
  readonly row: Row
  readonly bytes: number
  readonly at: number
  older: Book | undefined
  newer: Book | undefined
}

interface Row {
  readonly key: string
  /** The books from `first` on; the places before it are empty. */
  books: (Book | undefined)[]
  first: number
  /** The sequence of the last entry given up. */
  evicted: number
}

/** How far the reading of a row has come. */
interface Reading {
  readonly books: Row['books']
  next: number
}

/** What an entry costs beside its frame, as measured on V8: its objects and its buffer. */
const ENTRY_BYTES = 320

/** Addresses without an entry left of which it is remembered what they lost. */
const MAX_REMEMBERED = 100_000

/** Makes an empty shelf. */
export function createShelf({ maxEvents, maxAgeMs, maxBytes }: ShelfBounds): Shelf {
  const rows = new Map<string, Row>()
  /** Addresses that lost all entries → the sequence of the last one, longest ago first. */
  const remembered = new Map<string, number>()
  /** Of an address that is in neither map, nothing behind this sequence was given up. */
  let forgotten = 0
  let events = 0
  let bytes = 0
  let oldest: Book | undefined
  let newest: Book | undefined

  return {
    get size() {
      return { events, bytes }
    },
    put,
    expire,
    after,
    evictedAfter,
    clear,
  }

  function put(key: string, entry: Entry, now: number): void {
    const row = rows.get(key) ?? newRow(key)
    const size = entry.frame.byteLength + ENTRY_BYTES
    const book: Book = { entry, row, bytes: size, at: now, older: newest, newer: undefined }
    if (newest) newest.newer = book
    else oldest = book
    newest = book
    row.books.push(book)
    events += 1
    bytes += size
    if (row.books.length - row.first > maxEvents) evictFirst(row)
    while (oldest && bytes > maxBytes) evictFirst(oldest.row)
    expire(now)
  }

  function expire(now: number): void {
    while (oldest && now - oldest.at > maxAgeMs) evictFirst(oldest.row)
  }

  function* after(keys: readonly string[], sequence: number): Iterable<Entry> {
    const heads = keys.flatMap((key) => {
      const row = rows.get(key)
      return row ? [{ books: row.books, next: firstAfter(row, sequence) }] : []
    })
    for (;;) {
      let best: Reading | undefined
      for (const head of heads) {
        if (sequenceAt(head) < sequenceAt(best)) best = head
      }
      const book = best?.books[best.next]
      if (!best || !book) return
      best.next += 1
      yield book.entry
    }
  }

  function evictedAfter(keys: readonly string[], sequence: number): boolean {
    return keys.some((key) => {
      const evicted = rows.get(key)?.evicted ?? remembered.get(key) ?? forgotten
      return evicted > sequence
    })
  }

  function clear(): void {
    rows.clear()
    remembered.clear()
    oldest = undefined
    newest = undefined
    events = 0
    bytes = 0
  }

  function newRow(key: string): Row {
    const row: Row = { key, books: [], first: 0, evicted: remembered.get(key) ?? forgotten }
    remembered.delete(key)
    rows.set(key, row)
    return row
  }

  /** Gives up the oldest entry of a row. The oldest of all is the first of its row, too. */
  function evictFirst(row: Row): void {
    const book = row.books[row.first]
    if (!book) return
    row.books[row.first] = undefined
    row.first += 1
    row.evicted = book.entry.sequence
    events -= 1
    bytes -= book.bytes
    unlink(book)
    if (row.first === row.books.length) forget(row)
    // Half of the array is gone: copying the rest now costs one step for each entry, all told.
    else if (row.first * 2 > row.books.length) {
      row.books = row.books.slice(row.first)
      row.first = 0
    }
  }

  function unlink(book: Book): void {
    if (book.older) book.older.newer = book.newer
    else oldest = book.newer
    if (book.newer) book.newer.older = book.older
    else newest = book.older
  }

  function forget(row: Row): void {
    rows.delete(row.key)
    remembered.set(row.key, row.evicted)
    if (remembered.size <= MAX_REMEMBERED) return
    const [first] = remembered
    if (!first) return
    remembered.delete(first[0])
    forgotten = Math.max(forgotten, first[1])
  }
}

function sequenceAt(head: Reading | undefined): number {
  return head?.books[head.next]?.entry.sequence ?? Number.POSITIVE_INFINITY
}

/** The place of the first book behind a sequence, by halving. */
function firstAfter({ books, first }: Row, sequence: number): number {
  let low = first
  let high = books.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((books[middle]?.entry.sequence ?? 0) > sequence) high = middle
    else low = middle + 1
  }
  return low
}
