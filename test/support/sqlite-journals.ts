/** Journals in the SQLite storage of workerd's Durable Objects, each in an object of its own. */
import type { Position } from '../../src/core/cursor.ts'
import { HubError, type HubErrorCode } from '../../src/core/errors.ts'
import type { ControlResponses } from '../../src/journal/backplane.ts'
import type {
  DeliveredEvent,
  Journal,
  JournalEntry,
  ReplayBatch,
  RetainedBatch,
} from '../../src/journal/journal.ts'
import { manualClock } from './clock.ts'
import type { TestJournal } from './journal-suite.ts'
import type { Call, Outcome } from './sqlite-object.ts'
import { startSqliteWorker } from './sqlite-worker.ts'

/** A journal under test, whose object can restart. */
export interface SqliteHarness extends TestJournal {
  readonly journal: Journal & Required<Pick<Journal, 'backplane'>>
  /** The alarm that the journal set last, in milliseconds since 1970. */
  readonly alarm: number | null
  /** How many alarms the journal has set. */
  readonly alarms: number
  readonly requests: Outcome['requests']
  readonly isAwake: boolean
  /** What the hooks of clients were called with so far, `alice+` and `alice-`, and when, in seconds since the start. */
  readonly reports: readonly string[]
  /** Errors that their hook has received so far. */
  readonly errors: readonly string[]
  readonly now: number
  call(method: Call['method'], ...args: unknown[]): Promise<unknown>
  /** Sets the bounds that hold after the next restart. */
  setBounds(bounds: Call['bounds']): void
}

/** The objects of one test file. */
export interface Objects {
  open(bounds?: Call['bounds']): Promise<SqliteHarness>
  close(): Promise<void>
}

/** Starts workerd with one object for each journal. */
export async function startObjects(): Promise<Objects> {
  const worker = await startSqliteWorker()
  let count = 0
  return { open, close: worker.close }

  async function open(first: Call['bounds'] = {}): Promise<SqliteHarness> {
    count += 1
    const path = `/${count}`
    const clock = manualClock()
    const start = clock.now() / 1_000
    const deliveries: DeliveredEvent[] = []
    const reports: string[] = []
    const errors: string[] = []
    let bounds = first
    let last: Outcome = await send('head')
    const harness: SqliteHarness = {
      journal: {
        appendsOnce: true,
        append: async (...args) => (await call('append', ...args)) as JournalEntry,
        read: async (...args) => toBatch((await call('read', ...args)) as ReplayBatch),
        retained: async (...args) => toRetained((await call('retained', ...args)) as RetainedBatch),
        head: (): Position => last.head,
        get stats() {
          return last.stats
        },
        backplane: {
          useOnce: async (...args) => (await call('useOnce', ...args)) as boolean,
          request: async (...args) => (await call('request', ...args)) as ControlResponses,
        },
        open: () => {},
        close: () => {},
      },
      deliveries,
      delivered: async () => {},
      advance: clock.advance,
      reopen: async () => {
        await call('restart')
        return harness.journal
      },
      get alarm() {
        return last.alarm
      },
      get alarms() {
        return last.alarms
      },
      get requests() {
        return last.requests
      },
      get isAwake() {
        return last.isAwake
      },
      reports,
      errors,
      get now() {
        return clock.now()
      },
      call,
      setBounds: (others) => {
        bounds = others
      },
    }
    return harness

    async function call(method: Call['method'], ...args: unknown[]): Promise<unknown> {
      last = await send(method, ...args)
      deliveries.push(...(last.deliveries as TextDelivery[]).map(toDelivery))
      reports.push(...last.reports.map(([text, at]) => `${text} ${at - start}`))
      errors.push(...last.errors)
      if (!last.error) return last.result
      throw new HubError(last.error.code as HubErrorCode, last.error.message)
    }

    async function send(method: Call['method'], ...args: unknown[]): Promise<Outcome> {
      const body: Call = { method, args, bounds, now: clock.now() }
      const response = await worker.fetch(path, { method: 'POST', body: JSON.stringify(body) })
      return (await response.json()) as Outcome
    }
  }
}

type Text<T extends { readonly frame: Uint8Array }> = Omit<T, 'frame'> & { readonly frame: string }
type TextDelivery = Text<Omit<DeliveredEvent, 'entry'>> & { readonly entry?: Text<JournalEntry> }

function toDelivery({ keys, frame, entry }: TextDelivery): DeliveredEvent {
  return { keys, frame: toBytes(frame), ...(entry && { entry: toEntry(entry) }) }
}

function toBatch(batch: ReplayBatch): ReplayBatch {
  const entries = batch.entries as unknown as readonly Text<JournalEntry>[]
  const retained = batch.retained && toRetained(batch.retained)
  return { ...batch, gap: batch.gap, entries: entries.map(toEntry), retained }
}

function toRetained({ entries, done }: RetainedBatch): RetainedBatch {
  return { entries: (entries as unknown as readonly Text<JournalEntry>[]).map(toEntry), done }
}

function toEntry(entry: Text<JournalEntry>): JournalEntry {
  return { ...entry, frame: toBytes(entry.frame) }
}

function toBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
