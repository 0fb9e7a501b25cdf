/** A Durable Object around the journal in SQLite, which tests drive from outside workerd. */

import type { Backplane } from '../../src/journal/backplane.ts'
import type { Delivery, JournalStats } from '../../src/journal/journal.ts'
import { createSqliteJournal, type SqliteJournal } from '../../src/journal/sqlite/journal.ts'
import type { ObjectStorage } from '../../src/journal/sqlite/store.ts'
import type { Bounds } from './journal-suite.ts'

/** One call of the journal. */
export interface Call {
  readonly method: keyof Calls
  readonly args: readonly unknown[]
  readonly bounds: Bounds & { readonly maxRemembered?: number; readonly maxEventBytes?: number }
  /** The time, in milliseconds since 1970. */
  readonly now: number
}

/** What came of a call; frames are text. */
export interface Outcome {
  readonly result?: unknown
  readonly error?: { readonly code: string; readonly message: string }
  readonly deliveries: readonly unknown[]
  readonly head: { readonly id: string; readonly sequence: number }
  readonly stats: JournalStats
  /** When the journal asked to be woken last. */
  readonly alarm: number | null
  /** Questions that the hub was asked, and for how long they were kept. */
  readonly asked: readonly (readonly [unknown, number])[]
}

type Cursor = Iterable<unknown> & { readonly rowsWritten: number }

interface State {
  readonly storage: ObjectStorage
}

type Calls = Pick<SqliteJournal, 'append' | 'read' | 'prune' | 'startEpoch' | 'head'> &
  Pick<Backplane, 'useOnce' | 'request'> & {
    /** A new life of the object, on the same disk. */
    revive(): void
    /** How many rows a table has. */
    count(table: string): number
    /** Rows that were written, as the platform bills them, since this was asked last. */
    written(): number
    /** From now on the statement that has this text in it fails; without a text none does. */
    fail(text?: string): void
  }

/** A journal for each test. The name is that of the class in wrangler.toml. */
export class Hub {
  readonly #storage: ObjectStorage
  #journal: SqliteJournal | undefined
  #now = 0
  #broken: string | undefined
  #deliveries: Delivery[] = []
  #asked: [unknown, number][] = []
  #alarm: number | null = null
  #cursors: Cursor[] = []

  constructor({ storage }: State) {
    this.#storage = {
      sql: {
        exec: (query, ...values) => {
          if (this.#broken && query.includes(this.#broken)) throw new Error('disk is full')
          const cursor = storage.sql.exec(query, ...values) as Cursor
          this.#cursors.push(cursor)
          return cursor
        },
      },
      transactionSync: (work) => storage.transactionSync(work),
      setAlarm: async (at) => {
        this.#alarm = at
      },
    }
  }

  async fetch(request: Request): Promise<Response> {
    const { method, args, bounds, now } = (await request.json()) as Call
    this.#now = now
    this.#deliveries = []
    this.#asked = []
    try {
      this.#journal ??= this.#open(bounds)
      return this.#answer({ result: await this.#run(method, args, bounds) })
    } catch (error) {
      const { code = '', message } = error as Error & { code?: string }
      return this.#answer({ error: { code, message } })
    }
  }

  #open(bounds: Call['bounds']): SqliteJournal {
    const clock = { now: () => this.#now, every: () => () => {}, soon: () => {} }
    const journal = createSqliteJournal({ storage: this.#storage, clock, ...bounds })
    journal.open({
      deliver: (delivery) => void this.#deliveries.push(delivery),
      missed: () => {},
      respond: (question, keptMs) => this.#asked.push([question, keptMs]),
    })
    return journal
  }

  async #run(method: keyof Calls, args: readonly unknown[], bounds: Call['bounds']) {
    const tests: Partial<Calls> = {
      revive: () => {
        this.#journal = this.#open(bounds)
      },
      count: (table) => [...this.#storage.sql.exec(`SELECT 1 FROM ${table}`)].length,
      written: () => {
        const cursors = this.#cursors
        this.#cursors = []
        return cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0)
      },
      fail: (text) => {
        this.#broken = text
      },
    }
    const calls: object = { ...this.#journal, ...this.#journal?.backplane, ...tests }
    const call = (calls as Record<string, (...args: unknown[]) => unknown>)[method]
    const [keys, cursor, ...rest] = args
    // JSON has no undefined.
    return await call?.(keys, cursor ?? undefined, ...rest)
  }

  #answer(outcome: Partial<Outcome>): Response {
    const { head, stats } = this.#journal ?? {}
    const rest = { head: head?.(), stats, alarm: this.#alarm, asked: this.#asked }
    return new Response(
      JSON.stringify({ ...outcome, ...rest, deliveries: this.#deliveries }, (name, value) =>
        name === 'frame' ? new TextDecoder().decode(value as Uint8Array) : value,
      ),
    )
  }
}

export default {
  fetch(
    request: Request,
    { HUB }: { HUB: { idFromName(name: string): object; get(id: object): Hub } },
  ): Promise<Response> {
    return HUB.get(HUB.idFromName(new URL(request.url).pathname)).fetch(request)
  },
}
