/** Journals that share one through ports within this process: what is sent is cloned, as between processes. */
import { type Clock, systemClock } from '../../src/core/clock.ts'
import { createHolder, type Holder } from '../../src/journal/ipc/holder.ts'
import { createIpcJournal, type IpcJournal } from '../../src/journal/ipc/journal.ts'
import type { LinkMessage } from '../../src/journal/ipc/link.ts'
import type { DeliveredEvent, JournalHandler } from '../../src/journal/journal.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'
import { type ManualClock, manualClock } from './clock.ts'
import { recordingHandler } from './journal-handler.ts'
import type { Bounds } from './journal-suite.ts'

/** A process that shares the journal. */
export interface IpcProcess {
  readonly journal: IpcJournal
  readonly deliveries: readonly DeliveredEvent[]
  /** What was reported to its hub as possibly incomplete, call by call. */
  readonly missed: readonly ((key: string) => boolean)[]
  /** Where the journal was at each of these calls. */
  readonly headsWhenMissed: readonly number[]
  /** Requests that its hub received. */
  readonly requests: readonly { readonly request: unknown; readonly remainingMs: number }[]
  /** Messages that it sent to the holder, and that it received. */
  readonly counts: { sent: number; received: number }
  /** It stands still: nothing that is sent to it arrives. */
  stop(): void
  /** It continues with what was sent meanwhile. */
  go(): void
  /** It ends at once. */
  die(): void
}

/** A holder, and processes that share its journal. */
export interface IpcWorld {
  readonly holder: Holder
  readonly clock: ManualClock
  readonly errors: readonly unknown[]
  /** Resolves when the journal of a new process is ready. */
  start(
    subscribed?: readonly string[],
    respond?: JournalHandler['respond'],
    deliver?: JournalHandler['deliver'],
  ): Promise<IpcProcess>
}

/** Creates a holder with a journal in memory. Its time is turned by hand, and its turns are those of this process. */
export function createIpcWorld(bounds: Bounds = {}): IpcWorld {
  const time = manualClock()
  const clock: ManualClock = {
    ...time,
    soon: systemClock.soon,
    get timers() {
      return time.timers
    },
  }
  const errors: unknown[] = []
  const onError = (error: unknown) => void errors.push(error)
  const holder = createHolder({
    journal: createMemoryJournal({ clock, ...bounds }),
    clock,
    onError,
  })
  let count = 0
  return { holder, clock, errors, start }

  async function start(
    subscribed: readonly string[] = [],
    respond?: JournalHandler['respond'],
    deliver?: JournalHandler['deliver'],
  ): Promise<IpcProcess> {
    const deliveries: DeliveredEvent[] = []
    count += 1
    const missed: ((key: string) => boolean)[] = []
    const headsWhenMissed: number[] = []
    const requests: { request: unknown; remainingMs: number }[] = []
    const counts = { sent: 0, received: 0 }
    let isDead = false
    let held: LinkMessage[] | undefined
    const end = holder.connect({
      post: (message) => {
        const copy = structuredClone(message)
        queueMicrotask(() => (held ? void held.push(copy) : arrive(copy)))
      },
    })
    const stopTimers: (() => void)[] = []
    const every: Clock['every'] = (ms, task) => {
      const stop = clock.every(ms, task)
      stopTimers.push(stop)
      return stop
    }
    const journal = createIpcJournal({
      instance: String(count),
      clock: { ...clock, every },
      onError,
      post: (message) => {
        counts.sent += 1
        const copy = structuredClone(message)
        queueMicrotask(() => isDead || end.onMessage(copy))
      },
    })
    journal.open(
      recordingHandler(deliveries, {
        ...(deliver && { deliver }),
        missed: (affects) => {
          missed.push(affects)
          headsWhenMissed.push(journal.head().sequence)
        },
        respond: (request, remainingMs) => {
          requests.push({ request, remainingMs })
          return respond ? respond(request, remainingMs) : { by: journal.backplane.instance }
        },
      }),
    )
    for (const key of subscribed) journal.backplane.subscribe?.(key)
    await journal.reached
    return {
      journal,
      deliveries,
      missed,
      headsWhenMissed,
      requests,
      counts,
      stop: () => {
        held = []
      },
      go: () => {
        const waiting = held ?? []
        held = undefined
        for (const message of waiting) arrive(message)
      },
      die: () => {
        isDead = true
        for (const stop of stopTimers) stop()
        end.close()
      },
    }

    function arrive(message: LinkMessage): void {
      if (isDead) return
      counts.received += 1
      journal.onMessage(message)
    }
  }
}
