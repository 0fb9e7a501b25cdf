/** A hub on a clock that tests turn by hand, with clients whose streams they hold. */
import type { Connection } from '../../src/hub/connection.ts'
import { createHub, type Hub } from '../../src/hub/hub.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { createMemoryJournal, type MemoryJournalOptions } from '../../src/journal/memory/journal.ts'
import { type ManualClock, manualClock } from './clock.ts'
import { type FakeStream, fakeStream } from './fake-stream.ts'

/** What a test may want to set, beside the options of the hub. */
export interface StageOptions extends Omit<HubOptions, 'clock' | 'journal'> {
  readonly history?: Omit<MemoryJournalOptions, 'clock'>
  readonly journal?: (clock: ManualClock) => Journal
}

/** How a client comes. */
export interface Arrival {
  readonly topics?: readonly string[]
  readonly lastEventId?: string | undefined
  /** When the right to listen ends, in milliseconds since 1970. */
  readonly expiresAt?: number
  /** @defaultValue one that takes everything at once */
  readonly stream?: FakeStream
}

/** One client with one open stream. */
export interface Guest {
  readonly connection: Connection
  readonly stream: FakeStream
}

/** Everything a test plays with. */
export interface Stage {
  readonly clock: ManualClock
  readonly hub: Hub
  readonly journal: Journal
  /** Connects a client, before anything has been flushed. */
  join(client: string, arrival?: Arrival): Guest
  /** Connects a client and lets it take its opening. */
  enter(client: string, arrival?: Arrival): Promise<Guest>
  /** Publishes events to everyone, one after another; the ids. */
  tell(...data: string[]): Promise<string[]>
}

/** Sets the stage. Chance stands still in the middle unless `random` is given. */
export function createStage({ history, journal, ...options }: StageOptions = {}): Stage {
  const clock = manualClock()
  const kept = journal?.(clock) ?? createMemoryJournal({ clock, ...history })
  const hub = createHub({ random: () => 0.5, ...options, clock, journal: kept })
  return { clock, hub, journal: kept, join, enter, tell }

  function join(client: string, { stream = fakeStream(), ...rest }: Arrival = {}): Guest {
    return { connection: hub.connect({ client, stream, ...rest }), stream }
  }

  async function enter(client: string, arrival?: Arrival): Promise<Guest> {
    const guest = join(client, arrival)
    await clock.settle()
    return guest
  }

  async function tell(...data: string[]): Promise<string[]> {
    const receipts = await Promise.all(data.map((text) => hub.publish('everyone', { data: text })))
    return receipts.map(({ id }) => id ?? '')
  }
}

/** What a queue needs beside one event. A hub of small events with the smallest queue allowed. */
export const SMALL: Pick<HubOptions, 'maxEventBytes' | 'maxQueuedBytes'> = {
  maxEventBytes: 30_000,
  maxQueuedBytes: 30_000 + 65_536,
}
