/** The latest events, bounded by number and by size, and which of them a filter shows. */

/** What arrived: an event, a tick of the demo clock, or something that happened to the stream itself. */
export interface Entry {
  /** The number of this entry; later ones have higher numbers. */
  readonly number: number
  readonly kind: 'event' | 'tick' | 'own'
  readonly event: string
  readonly id?: string | undefined
  readonly topic?: string | undefined
  /** The path that publishes to where it came from. */
  readonly address?: string | undefined
  data: string
  /** When it arrived, in milliseconds since 1970. */
  at: number
  /** How many ticks in a row it stands for; 1 for everything else. */
  times: number
}

/** What arrived, without what the memory adds. */
export type Arrival = Omit<Entry, 'number' | 'times'>

/** The memory. */
export interface EventMemory {
  /** All events since it was cleared, without what happened to the stream itself. */
  readonly total: number
  /** Those of `total` that the filter shows. */
  readonly shown: number
  add(arrival: Arrival): void
  /** Returns what the filter shows, oldest first, of the entries after this number: the latest `limit` of them. */
  latest(after: number, limit: number): readonly Entry[]
  /** Shows only entries that contain this text in their name, topic, id or data. */
  filter(text: string): void
  clear(): void
}

/** Creates a memory. @param maxCharacters - of all data together */
export function createEventMemory(maxEntries: number, maxCharacters: number): EventMemory {
  let entries: Entry[] = []
  let first = 0
  let next = 1
  let characters = 0
  let wanted = ''
  let total = 0
  let shown = 0

  return {
    get total() {
      return total
    },
    get shown() {
      return shown
    },
    add: (arrival) => {
      const last = entries.at(-1)
      if (arrival.kind !== 'own') total += 1
      // Ticks in a row are one entry: a second each would leave no room for anything else.
      if (arrival.kind === 'tick' && last?.kind === 'tick') {
        Object.assign(last, { at: arrival.at, data: arrival.data, times: last.times + 1 })
      } else {
        entries.push({ ...arrival, number: next, times: 1 })
        next += 1
        characters += arrival.data.length
        evict()
      }
      if (arrival.kind !== 'own' && isShown(arrival)) shown += 1
    },
    latest: (after, limit) => {
      const found: Entry[] = []
      for (let index = entries.length - 1; index >= first && found.length < limit; index--) {
        const entry = entries[index]
        if (!entry || entry.number <= after) break
        if (isShown(entry)) found.push(entry)
      }
      return found.reverse()
    },
    filter: (text) => {
      wanted = text.toLowerCase()
      shown = 0
      for (const entry of entries.slice(first)) {
        if (entry.kind !== 'own' && isShown(entry)) shown += entry.times
      }
    },
    clear: () => {
      entries = []
      first = 0
      characters = 0
      total = 0
      shown = 0
    },
  }

  /** One entry remains, however large it is. */
  function evict(): void {
    while (entries.length - first > 1 && isFull()) {
      characters -= entries[first]?.data.length ?? 0
      first += 1
    }
    // Moving the others for each would cost as much as there are.
    if (first <= maxEntries) return
    entries = entries.slice(first)
    first = 0
  }

  function isFull(): boolean {
    return entries.length - first > maxEntries || characters > maxCharacters
  }

  function isShown({ event, topic = '', id = '', data }: Arrival): boolean {
    if (wanted === '') return true
    return [event, topic, id, data].some((text) => text.toLowerCase().includes(wanted))
  }
}
