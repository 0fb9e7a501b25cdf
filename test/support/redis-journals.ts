/** Journals in a real Redis, each with its own key prefix. */
import type { DeliveredEvent, Journal } from '../../src/journal/journal.ts'
import { createRedisJournal } from '../../src/journal/redis/journal.ts'
import { until } from './eventually.ts'
import { recordingHandler } from './journal-handler.ts'
import type { Bounds, Trial } from './journal-suite.ts'
import type { RedisServer } from './redis.ts'

/** A journal as one of several hubs share it, and what it was called with. */
export interface RedisJournalHarness extends Trial {
  /** Keys reported to the hub as possibly incomplete, call by call. */
  readonly missed: readonly ((key: string) => boolean)[]
  /** Requests that the hub received. */
  readonly asked: readonly { readonly question: unknown; readonly keptMs: number }[]
  /** Resolves when the journal is ready; rejects when that takes too long. */
  reached(): Promise<void>
  /** Resolves when the link is lost. */
  away(): Promise<void>
}

let count = 0
const open: Journal[] = []

/** A prefix that no other test has. */
export function newPrefix(): string {
  count += 1
  return `test-${count}`
}

/** Ends all journals that were opened. */
export async function closeAll(): Promise<void> {
  for (const journal of open.splice(0)) await journal.close()
}

/** Opens a journal. */
export async function openRedisJournal(
  redis: Pick<RedisServer, 'url' | 'command'>,
  bounds: Bounds = {},
  watched: readonly string[] = [],
  prefix = newPrefix(),
): Promise<RedisJournalHarness> {
  const deliveries: DeliveredEvent[] = []
  const missed: ((key: string) => boolean)[] = []
  const asked: { question: unknown; keptMs: number }[] = []
  const journal = createRedisJournal({ url: redis.url, prefix, ...bounds })
  open.push(journal)
  const respond = (question: unknown, keptMs: number) => {
    asked.push({ question, keptMs })
    return { question, by: journal.backplane?.instance }
  }
  journal.open(
    recordingHandler(deliveries, { missed: (affects) => void missed.push(affects), respond }),
  )
  for (const key of watched) journal.backplane?.subscribe?.(key)
  const harness: RedisJournalHarness = {
    journal,
    deliveries,
    missed,
    asked,
    delivered: (wanted) => until(`${wanted} deliveries`, () => deliveries.length >= wanted),
    reached: () => until('the journal is ready', () => journal.ready === true),
    away: () => until('the journal is away', () => journal.ready === false),
    advance: async (ms) => {
      const now = async () => Number(((await redis.command('TIME')) as string[])[0]) * 1_000
      const end = (await now()) + Math.ceil(ms / 1_000) * 1_000
      await until(`${ms} ms on the clock of Redis`, async () => (await now()) > end)
    },
  }
  await harness.reached()
  return harness
}
