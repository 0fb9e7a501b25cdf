/** The outbox: the webhooks that wait to be sent, one for each client. The latest one replaces the one before. */
import type { Clock } from '../core/clock.ts'

/** A webhook that has not been delivered. */
export interface OutboxEvent {
  readonly id: string
  readonly client: string
  readonly body: string
  /** When it happened, by the monotonic clock. */
  readonly at: number
  /** How often it was sent. */
  attempts: number
  /** Is called when it no longer waits: it was delivered, replaced or dropped. */
  done(): void
}

/** The webhooks that wait, and those that are being sent. */
export interface Outbox {
  /** How many wait or are being sent. */
  readonly size: number
  /** Adds a webhook. Returns what it displaced: the one before of the same client, or the oldest if the outbox is full. */
  add(event: OutboxEvent): 'replaced' | 'full' | undefined
  /**
   * Takes the next webhooks, no more than `most`, without those of whose client another one is being sent. One that was sent before
   * is taken alone: it may be what the receiver refuses.
   */
  take(most: number): readonly OutboxEvent[]
  /** Must be called when one that was taken has been delivered or dropped. */
  remove(event: OutboxEvent): void
  /** Returns one that was taken in `ms` milliseconds. Returns false if a later one has replaced it meanwhile. */
  postpone(event: OutboxEvent, ms: number): boolean
  /** Lets all that were postponed be taken at once. */
  hurry(): void
  /** Removes all, also those that are being sent, without a call of `done`. */
  clear(): readonly OutboxEvent[]
}

/** What an outbox needs. */
export interface OutboxInit {
  readonly clock: Pick<Clock, 'every' | 'monotonic'>
  /** The maximum number of webhooks that wait. */
  readonly maxWaiting: number
  /** Called when one that was postponed can be taken. */
  onDue(): void
}

/** The minimum number of milliseconds between two looks at all that were postponed. */
const MIN_WAIT_MS = 10

/** Creates an outbox. It holds one timer while any webhook is postponed: Workers have a limit of 10,000. */
export function createOutbox({ clock, maxWaiting, onDue }: OutboxInit): Outbox {
  /** In the order in which they are taken. */
  const due = new Map<string, OutboxEvent>()
  const postponed = new Map<string, { readonly event: OutboxEvent; readonly dueAt: number }>()
  const sending = new Map<string, OutboxEvent>()
  /** When the first of those that were postponed can be taken, by the monotonic clock. */
  let nextAt = Number.POSITIVE_INFINITY
  let stopTimer: (() => void) | undefined
  return {
    get size() {
      return due.size + postponed.size + sending.size
    },
    add,
    take,
    remove: (event) => {
      sending.delete(event.client)
      event.done()
    },
    postpone,
    hurry: () => {
      for (const client of [...postponed.keys()]) release(client)
    },
    clear,
  }

  function add(event: OutboxEvent): 'replaced' | 'full' | undefined {
    const { client } = event
    release(client)
    const before = due.get(client)
    const isFull = !before && due.size + postponed.size >= maxWaiting
    if (isFull) dropOldest()
    due.set(client, event)
    before?.done()
    return before ? 'replaced' : isFull ? 'full' : undefined
  }

  function dropOldest(): void {
    // Those that were sent before are likely to be the oldest.
    const [client = ''] = postponed.size > 0 ? postponed.keys() : due.keys()
    release(client)
    const oldest = due.get(client)
    due.delete(client)
    oldest?.done()
  }

  function take(most: number): readonly OutboxEvent[] {
    if (clock.monotonic() >= nextAt) releaseDue()
    const taken: OutboxEvent[] = []
    for (const event of due.values()) {
      // At most as many are skipped as are being sent.
      if (sending.has(event.client)) continue
      const isAlone = event.attempts > 0
      if (isAlone && taken.length > 0) break
      taken.push(event)
      if (isAlone || taken.length === most) break
    }
    for (const event of taken) {
      due.delete(event.client)
      sending.set(event.client, event)
    }
    return taken
  }

  function postpone(event: OutboxEvent, ms: number): boolean {
    const { client } = event
    sending.delete(client)
    if (due.has(client)) {
      event.done()
      return false
    }
    const dueAt = clock.monotonic() + ms
    postponed.set(client, { event, dueAt })
    schedule(dueAt)
    return true
  }

  function schedule(dueAt: number): void {
    if (stopTimer && dueAt >= nextAt) return
    const first = Math.min(dueAt, nextAt)
    stop()
    nextAt = first
    try {
      stopTimer = clock.every(Math.max(MIN_WAIT_MS, first - clock.monotonic()), () => {
        releaseDue()
        onDue()
      })
    } catch {
      // There are too many timers. `take` finds what is due, too.
    }
  }

  function releaseDue(): void {
    const now = clock.monotonic()
    let next = Number.POSITIVE_INFINITY
    stop()
    for (const [client, { dueAt }] of postponed) {
      if (dueAt <= now) release(client)
      else next = Math.min(next, dueAt)
    }
    if (postponed.size > 0) schedule(next)
  }

  function release(client: string): void {
    const entry = postponed.get(client)
    if (!entry) return
    postponed.delete(client)
    due.set(client, entry.event)
    if (postponed.size === 0) stop()
  }

  function stop(): void {
    stopTimer?.()
    stopTimer = undefined
    nextAt = Number.POSITIVE_INFINITY
  }

  function clear(): readonly OutboxEvent[] {
    for (const client of [...postponed.keys()]) release(client)
    const all = [...due.values(), ...sending.values()]
    for (const map of [due, sending]) map.clear()
    return all
  }
}
