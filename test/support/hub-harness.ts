/** A hub on a clock that tests advance, with clients whose streams they control. */
import type { HubConnection } from '../../src/hub/connections/connection.ts'
import { createHub } from '../../src/hub/hub.ts'
import type { Hub } from '../../src/hub/hub-types.ts'
import { internalsOf } from '../../src/hub/internals.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { createMemoryJournal, type MemoryJournalOptions } from '../../src/journal/memory/journal.ts'
import { type ManualClock, manualClock } from './clock.ts'
import { type FakeStream, fakeStream } from './fake-stream.ts'

/** What a test can set beside the options of the hub. */
export interface HubHarnessOptions extends Omit<HubOptions, 'clock' | 'journal'> {
  readonly journalOptions?: Omit<MemoryJournalOptions, 'clock'>
  readonly journal?: (clock: ManualClock) => Journal
}

/** How a client connects. */
export interface ConnectOptions {
  readonly topics?: readonly string[]
  readonly lastEventId?: string | undefined
  /** When the permission to listen expires, in milliseconds since 1970. */
  readonly expiresAt?: number
  /** @defaultValue a stream that accepts every write at once */
  readonly stream?: FakeStream
}

/** One client with one open stream. */
export interface ConnectedClient {
  readonly connection: HubConnection
  readonly stream: FakeStream
}

/** What a test of the hub works with. */
export interface HubHarness {
  readonly clock: ManualClock
  readonly hub: Hub
  readonly journal: Journal
  /** Connects a client, before anything has been flushed. */
  connectNow(client: string, options?: ConnectOptions): ConnectedClient
  /** Connects a client and lets it receive its opening frames. */
  connect(client: string, options?: ConnectOptions): Promise<ConnectedClient>
  /** Publishes events to everyone, one after another; the ids. */
  broadcast(...data: string[]): Promise<string[]>
}

/** Creates a hub on a manual clock. `random` is a constant 0.5 unless a test passes its own. */
export function createHubHarness({
  journalOptions,
  journal,
  ...options
}: HubHarnessOptions = {}): HubHarness {
  const clock = manualClock()
  const usedJournal = journal?.(clock) ?? createMemoryJournal({ clock, ...journalOptions })
  const hub = createHub({ random: () => 0.5, ...options, clock, journal: usedJournal })
  return { clock, hub, journal: usedJournal, connectNow, connect, broadcast }

  function connectNow(
    client: string,
    { stream = fakeStream(), ...rest }: ConnectOptions = {},
  ): ConnectedClient {
    // The class, which has more than an application may see.
    const connection = internalsOf(hub).connect({ client, stream, ...rest }) as HubConnection
    return { connection, stream }
  }

  async function connect(client: string, options?: ConnectOptions): Promise<ConnectedClient> {
    const connected = connectNow(client, options)
    await clock.runPending()
    return connected
  }

  async function broadcast(...data: string[]): Promise<string[]> {
    const results = await Promise.all(data.map((text) => hub.publish('everyone', { data: text })))
    return results.map(({ id }) => id ?? '')
  }
}

/** What a queue needs beside one event. A hub of small events with the smallest queue allowed. */
export const SMALL: Pick<HubOptions, 'maxEventBytes' | 'maxQueuedBytes'> = {
  maxEventBytes: 30_000,
  maxQueuedBytes: 30_000 + 65_536,
}
