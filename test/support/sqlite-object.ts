/** A Durable Object with a SQLite journal, which tests call from outside workerd. */
import type { Clock } from '../../src/core/clock.ts'
import type { Position } from '../../src/core/cursor.ts'
import type { Backplane, OnlineClients } from '../../src/journal/backplane.ts'
import type { DeliveredEvent, JournalStats } from '../../src/journal/journal.ts'
import { createSqliteJournal, type SqliteJournal } from '../../src/journal/sqlite/journal.ts'
import type { ObjectStorage } from '../../src/journal/sqlite/object-storage.ts'
import type { Bounds } from './journal-suite.ts'

/** A call of a method of the journal. */
export interface Call {
  readonly method: keyof Calls
  readonly args: readonly unknown[]
  readonly bounds: Bounds & { readonly maxEmptyAddresses?: number; readonly maxEventBytes?: number }
  /** The time at which it happens, in milliseconds since 1970. */
  readonly now: number
}

/** The outcome of a call. Frames are text. */
export interface Outcome {
  readonly result?: unknown
  readonly error?: { readonly code: string; readonly message: string }
  readonly deliveries: readonly unknown[]
  readonly head: { readonly id: string; readonly sequence: number }
  readonly stats: JournalStats
  /** The alarm that the journal set last, in milliseconds since 1970. */
  readonly alarm: number | null
  /** How many alarms the journal has set. */
  readonly alarms: number
  /** Requests that the hub received, and for how many milliseconds each is kept. */
  readonly requests: readonly (readonly [unknown, number])[]
  /** What the hooks of clients were called with since the call before: `alice+` and `alice-`, each with the seconds since 1970. */
  readonly reports: readonly (readonly [string, number])[]
  /** Errors that the hook for them received since the call before. */
  readonly errors: readonly string[]
  /** Whether the alarm keeps the object in memory. */
  readonly isAwake: boolean
}

type Cursor = Iterable<unknown> & { readonly rowsRead: number; readonly rowsWritten: number }

interface State {
  readonly storage: ObjectStorage
}

type Calls = Pick<
  SqliteJournal,
  'append' | 'read' | 'retained' | 'prune' | 'storedRequests' | 'onlineAmong' | 'head' | 'close'
> &
  Pick<Backplane, 'useOnce' | 'request'> & {
    /** Appends an event at each of these keys. Returns the sequences. */
    appendEach(keys: readonly string[], data: string): readonly number[]
    /** Starts a new epoch. @param kept - the addresses whose retained events stay. @defaultValue all */
    startEpoch(suffix: string, kept?: readonly string[]): void
    /** Restarts the journal on the same storage. Nobody is connected then. */
    restart(): void
    /** Another hub creates a journal for the same storage. */
    openAnother(): void
    /** Follows the clients. `clients` connect at once, and `elsewhere` belong to another object. */
    followClients(graceMs: number, clients?: readonly string[], elsewhere?: readonly string[]): void
    /** Clients connect or leave. */
    update(clients: readonly string[], isConnected: boolean): void
    /** The hub closes. */
    closeHub(): void
    /** Hooks that are called from now on return promises that settle when `settleHooks` is called. */
    holdHooks(): void
    settleHooks(outcome: 'resolved' | 'rejected', count?: number): void
    /** Fires the alarm, and does not wait until it ends. */
    fireAlarm(): void
    /** Lets the time pass that has passed. */
    tick(): void
    /** Returns the number of rows in a table. */
    count(table: string): number
    /** Returns the rows read and written since the last call, as the platform bills them. */
    rows(): { readonly read: number; readonly written: number }
    /** Stores the addresses `c:lost-1`, `c:lost-2` and so on, each with its number as the last evicted sequence. */
    fillEmptyAddresses(count: number): void
    /** Stores this many used names until this time. */
    fillUsedNames(expiresAt: number, count: number): void
    /** Stores this many names of events that were appended once. */
    fillNames(count: number): void
    /** Returns the format number. */
    format(): number
    /** Runs a statement, as another version of the journal might. */
    exec(statement: string): void
    /** Changes the format number, as a newer version would. */
    setFormat(format: number): void
    /** From now on statements that contain this text fail, or the storage does what it names; without a text, nothing fails. */
    failStatements(text?: string): void
  }

/** Holds the journal of one test. wrangler.toml names the class. */
export class Hub {
  readonly #storage: ObjectStorage
  #journal: SqliteJournal | undefined
  #now = 0
  #broken: string | undefined
  #deliveries: DeliveredEvent[] = []
  #requests: [unknown, number][] = []
  #alarm: number | null = null
  #alarms = 0
  #cursors: Cursor[] = []
  #timers = new Map<object, { readonly ms: number; due: number; readonly task: () => void }>()
  #soon: (() => void)[] = []
  #online: OnlineClients | undefined
  #connected = new Set<string>()
  #reports: [string, number][] = []
  #errors: string[] = []
  #held: PromiseWithResolvers<void>[] | undefined
  #isAwake = false

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
      transactionSync: (work) => {
        if (this.#broken === 'transaction') throw new Error('no transaction')
        return storage.transactionSync(work)
      },
      setAlarm: (at) => {
        if (this.#broken === 'alarm at once') throw new Error('no alarm')
        if (this.#broken === 'alarm') return Promise.reject(new Error('no alarm'))
        this.#alarm = at
        this.#alarms += 1
        return Promise.resolve()
      },
    }
  }

  async fetch(request: Request): Promise<Response> {
    const { method, args, bounds, now } = (await request.json()) as Call
    if (this.#online) await this.#pass(now)
    this.#now = now
    this.#deliveries = []
    this.#requests = []
    try {
      this.#journal ??= this.#open(bounds)
      const result = await this.#run(method, args, bounds)
      if (this.#online) await this.#pass(now)
      return this.#answer({ result })
    } catch (error) {
      const { code = '', message } = error as Error & { code?: string }
      return this.#answer({ error: { code, message } })
    }
  }

  #open(bounds: Call['bounds']): SqliteJournal {
    const journal = createSqliteJournal({ storage: this.#storage, clock: this.#clock, ...bounds })
    journal.open({
      deliver: (delivery) => void this.#deliveries.push(delivery),
      missed: () => {},
      respond: (request, keepMs) => this.#requests.push([request, keepMs]),
    })
    return journal
  }

  readonly #clock: Clock = {
    now: () => this.#now,
    monotonic: () => this.#now,
    every: (ms, task) => {
      const timer = {}
      this.#timers.set(timer, { ms, task, due: this.#now + ms })
      return () => void this.#timers.delete(timer)
    },
    soon: (task) => void this.#soon.push(task),
  }

  /** Runs the timers that fall due until then, in order. */
  async #pass(end: number): Promise<void> {
    for (;;) {
      for (const task of this.#soon.splice(0)) task()
      // A macrotask empties the queue of promises.
      await new Promise((resolve) => setTimeout(resolve, 0))
      if (this.#soon.length > 0) continue
      const [next] = [...this.#timers.values()].sort((one, other) => one.due - other.due)
      if (!next || next.due > end) break
      this.#now = next.due
      next.due += next.ms
      next.task()
    }
    this.#now = end
  }

  #follow(graceMs: number, elsewhere: readonly string[]): OnlineClients {
    const report = (text: string, at: number) => {
      this.#reports.push([text, at / 1_000])
      if (!this.#held) return undefined
      const held = Promise.withResolvers<void>()
      this.#held.push(held)
      return held.promise
    }
    const { presence } = (this.#journal as SqliteJournal).backplane
    return presence.follow({
      clock: this.#clock,
      graceMs,
      isConnected: (client) => this.#connected.has(client),
      isElsewhere: (client) => elsewhere.includes(client),
      clients: () => this.#connected,
      count: () => ({ clients: this.#connected.size }),
      hooks: {
        onClientOnline: (client, at) => report(`${client}+`, at),
        onClientOffline: (client, at) => report(`${client}-`, at),
        onError: (error) => this.#errors.push(String(error)),
      },
    })
  }

  #update(clients: readonly string[], isConnected: boolean): void {
    for (const client of clients) this.#connected[isConnected ? 'add' : 'delete'](client)
    for (const client of clients) this.#online?.update(client)
  }

  async #run(method: keyof Calls, args: readonly unknown[], bounds: Call['bounds']) {
    const tests: Partial<Calls> = {
      appendEach: (keys, data) =>
        keys
          .map((key) => (this.#journal as SqliteJournal).append(key, { data }))
          .map((appended) => (appended as Position).sequence),
      startEpoch: (suffix, kept) => {
        this.#journal?.startEpoch(suffix, (key) => kept?.includes(key) ?? true)
      },
      restart: () => {
        this.#timers.clear()
        this.#soon = []
        this.#connected.clear()
        this.#held = undefined
        this.#isAwake = false
        this.#online = undefined
        this.#journal = this.#open(bounds)
      },
      openAnother: () => void this.#open(bounds),
      followClients: (graceMs, clients = [], elsewhere = []) => {
        this.#online = this.#follow(graceMs, elsewhere)
        this.#update(clients, true)
      },
      update: (clients, isConnected) => this.#update(clients, isConnected),
      closeHub: () => {
        this.#connected.clear()
        void this.#online?.close()
      },
      holdHooks: () => {
        this.#held = []
      },
      settleHooks: (outcome, count = Number.POSITIVE_INFINITY) => {
        for (const { resolve, reject } of this.#held?.splice(0, count) ?? []) {
          if (outcome === 'resolved') resolve()
          else reject(new Error('the hook has failed'))
        }
      },
      fireAlarm: () => {
        this.#isAwake = true
        void this.#journal?.prune().then(() => {
          this.#isAwake = false
        })
      },
      tick: () => {},
      count: (table) => [...this.#storage.sql.exec(`SELECT 1 FROM ${table}`)].length,
      rows: () => {
        const cursors = this.#cursors.splice(0)
        return {
          read: cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0),
          written: cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0),
        }
      },
      fillEmptyAddresses: (count) => {
        const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
          INSERT INTO addresses SELECT 'c:lost-' || i, 0, i FROM n`
        this.#storage.sql.exec(numbers, count)
        this.#journal = this.#open(bounds)
      },
      fillUsedNames: (expiresAt, count) => {
        const names = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
          INSERT INTO expiring SELECT 'used:' || i, ? FROM n`
        this.#storage.sql.exec(names, count, expiresAt)
        this.#journal = this.#open(bounds)
      },
      fillNames: (count) => {
        const names = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
          INSERT INTO once SELECT 'other-' || i, 'd', 'e-0', 0, 0, ? FROM n`
        this.#storage.sql.exec(names, count, this.#now + 600_000)
        this.#journal = this.#open(bounds)
      },
      format: () => {
        const [row] = this.#storage.sql.exec('SELECT number FROM format')
        return (row as { readonly number: number }).number
      },
      exec: (statement) => {
        this.#storage.sql.exec(statement)
      },
      setFormat: (format) => {
        this.#storage.sql.exec('UPDATE format SET number = ?', format)
      },
      failStatements: (text) => {
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
    const alarms = { alarm: this.#alarm, alarms: this.#alarms }
    const [reports, errors] = [this.#reports.splice(0), this.#errors.splice(0)]
    const clients = { reports, errors, isAwake: this.#isAwake }
    const rest = { head: head?.(), stats, requests: this.#requests, ...alarms, ...clients }
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
