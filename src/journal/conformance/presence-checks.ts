/** Checks that the presence of a backplane must pass, if it has one. */
import type { Clock } from '../../core/clock.ts'
import type { OnlineClients } from '../backplane.ts'
import type { Journal } from '../journal.ts'
import { type ConformanceCheck, check, equal, type JournalUnderTest } from './harness.ts'

/** Open journals of several hubs that share one. */
export interface SharedJournalsUnderTest extends Pick<JournalUnderTest, 'eventually' | 'advance'> {
  readonly journals: readonly Journal[]
  readonly clock: Clock
}

/** Opens journals that share one, which is new and empty. */
export type OpenSharedJournals = (count: number) => Promise<SharedJournalsUnderTest>

const GRACE_MS = 1_000

/** Two hubs, and what they have reported. */
interface Hubs {
  connect(hub: number, ...clients: readonly string[]): void
  disconnect(hub: number, ...clients: readonly string[]): void
  close(hub: number): Promise<void>
  /** Resolves when as many reports have come. @throws {Error} unless they are these, in any order */
  reports(...expected: readonly string[]): Promise<void>
  /** Resolves when the time of grace has passed. */
  passes(): Promise<void>
}

/** The checks of `presence`. */
export function presenceChecks(open: OpenSharedJournals): readonly ConformanceCheck[] {
  return [
    sharedCheck(
      'a client is online with its first connection to any hub',
      async ({ connect, reports }) => {
        connect(0, 'alice')
        await reports('alice+')
        connect(1, 'alice')
        connect(1, 'bob')
        await reports('alice+', 'bob+')
      },
    ),

    sharedCheck(
      'a client is offline some time after its last connection to any hub',
      async ({ connect, disconnect, reports, passes }) => {
        connect(0, 'alice', 'bob')
        connect(1, 'alice')
        await reports('alice+', 'bob+')
        disconnect(0, 'alice', 'bob')
        await passes()
        await reports('alice+', 'bob+', 'bob-')
        disconnect(1, 'alice')
        await passes()
        await reports('alice+', 'bob+', 'bob-', 'alice-')
      },
    ),

    sharedCheck(
      'a client that connects to another hub in time was never offline',
      async ({ connect, disconnect, reports, passes }) => {
        connect(0, 'alice', 'bob')
        await reports('alice+', 'bob+')
        disconnect(0, 'alice', 'bob')
        connect(1, 'alice')
        await passes()
        await reports('alice+', 'bob+', 'bob-')
      },
    ),

    sharedCheck(
      'the last hub that closes reports all clients offline',
      async ({ connect, disconnect, reports, close }) => {
        connect(0, 'alice')
        connect(1, 'bob')
        await reports('alice+', 'bob+')
        disconnect(0, 'alice')
        await close(0)
        await reports('alice+', 'bob+')
        disconnect(1, 'bob')
        await close(1)
        await reports('alice+', 'bob+', 'alice-', 'bob-')
      },
    ),
  ]

  function sharedCheck(name: string, run: (hubs: Hubs) => Promise<void>): ConformanceCheck {
    return check(name, async () => {
      const { journals, clock, eventually, advance } = await open(2)
      const found: string[] = []
      const hubs = journals.map((journal) => follow(journal, clock, found))
      try {
        await run({ connect, disconnect, close, reports, passes: () => advance(GRACE_MS) })
      } finally {
        for (const { online } of hubs) await online?.close()
      }

      function connect(hub: number, ...clients: readonly string[]): void {
        for (const client of clients) hubs[hub]?.connected.add(client)
        for (const client of clients) hubs[hub]?.online?.update(client)
      }

      function disconnect(hub: number, ...clients: readonly string[]): void {
        for (const client of clients) hubs[hub]?.connected.delete(client)
        for (const client of clients) hubs[hub]?.online?.update(client)
      }

      async function close(hub: number): Promise<void> {
        await hubs[hub]?.online?.close()
      }

      async function reports(...expected: readonly string[]): Promise<void> {
        await eventually(() => found.length >= expected.length)
        equal([...found].sort(), [...expected].sort())
      }
    })
  }
}

function follow(
  { backplane }: Journal,
  clock: Clock,
  found: string[],
): { connected: Set<string>; online: OnlineClients | undefined } {
  const connected = new Set<string>()
  const online = backplane?.presence?.follow({
    clock,
    graceMs: GRACE_MS,
    isConnected: (client) => connected.has(client),
    clients: () => connected,
    count: () => ({ clients: connected.size }),
    hooks: {
      onClientOnline: (client, at) => found.push(`${client}+${timeProblem(at)}`),
      onClientOffline: (client, at) => found.push(`${client}-${timeProblem(at)}`),
      onError: (error) => found.push(`${error}`),
    },
  })
  return { connected, online }
}

function timeProblem(at: unknown): string {
  return Number.isFinite(at) ? '' : ' without a time'
}
