/** Journals in a real Redis, each with its own key prefix. */
import { afterAll, afterEach, beforeAll } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { SharedJournalsUnderTest } from '../../src/journal/conformance/index.ts'
import type { DeliveredEvent, Journal, ReplayBatch } from '../../src/journal/journal.ts'
import { createRedisJournal } from '../../src/journal/redis/journal.ts'
import { until } from './eventually.ts'
import { recordingHandler } from './journal-handler.ts'
import type { Bounds, TestJournal } from './journal-suite.ts'
import { type Persistence, type RedisServer, startRedis } from './redis.ts'

/** A journal as one of several hubs share it, and what it was called with. */
export interface RedisJournalHarness extends TestJournal {
  /** Keys reported to the hub as possibly incomplete, call by call. */
  readonly missed: readonly ((key: string) => boolean)[]
  /** Requests that the hub received. */
  readonly requests: readonly { readonly request: unknown; readonly keepMs: number }[]
  /** Resolves when the journal is ready; rejects when that takes too long. */
  connected(): Promise<void>
  /** Resolves when the link is lost. */
  disconnected(): Promise<void>
}

let count = 0
const open: Journal[] = []

/** A prefix that no other test has. */
export function newPrefix(): string {
  count += 1
  return `test-${count}`
}

/** Ends all journals that were opened. */
export async function closeJournals(): Promise<void> {
  for (const journal of open.splice(0)) await journal.close()
}

/** A server that runs during the tests of a suite, each of which ends with its journals closed. */
export function redisForSuite(persistence?: Persistence): Omit<RedisServer, 'close'> {
  let server: RedisServer | undefined
  beforeAll(async () => {
    server = await startRedis(persistence)
  })
  afterEach(closeJournals)
  afterAll(() => server?.close())
  return {
    get port() {
      return running().port
    },
    get url() {
      return running().url
    },
    restart: () => running().restart(),
    crash: (disk) => running().crash(disk),
    signal: (name) => running().signal(name),
    command: (...args) => running().command(...args),
  }

  function running(): RedisServer {
    if (!server) throw new Error('Redis runs during tests only.')
    return server
  }
}

/** Appends events at one address, one after another; the ids. */
export async function appendAll(
  { journal }: Pick<RedisJournalHarness, 'journal'>,
  key: string,
  ...data: string[]
): Promise<string[]> {
  const ids: string[] = []
  for (const one of data) ids.push((await journal.append(key, { data: one })).id)
  return ids
}

/** The data of a batch's events, each of one line. */
export function dataIn({ entries }: ReplayBatch): (string | undefined)[] {
  const decoder = new TextDecoder()
  return entries.map(({ frame }) => /^data: (.*)$/m.exec(decoder.decode(frame))?.[1])
}

/** Opens a journal. */
export async function openRedisJournal(
  redis: Pick<RedisServer, 'url' | 'command'>,
  bounds: Bounds = {},
  subscribed: readonly string[] = [],
  prefix = newPrefix(),
): Promise<RedisJournalHarness> {
  const deliveries: DeliveredEvent[] = []
  const missed: ((key: string) => boolean)[] = []
  const requests: { request: unknown; keepMs: number }[] = []
  const journal = createRedisJournal({ url: redis.url, prefix, ...bounds })
  open.push(journal)
  const respond = (request: unknown, keepMs: number) => {
    requests.push({ request, keepMs })
    return { request, by: journal.backplane?.instance }
  }
  journal.open(
    recordingHandler(deliveries, { missed: (affects) => void missed.push(affects), respond }),
  )
  for (const key of subscribed) journal.backplane?.subscribe?.(key)
  const harness: RedisJournalHarness = {
    journal,
    deliveries,
    missed,
    requests,
    delivered: (count) => until(`${count} deliveries`, () => deliveries.length >= count),
    connected: () => until('the journal is ready', () => journal.ready === true),
    disconnected: () => until('the journal is away', () => journal.ready === false),
    advance: async (ms) => {
      const now = async () => {
        const [seconds, micros] = (await redis.command('TIME')) as string[]
        return Number(seconds) * 1_000 + Number(micros) / 1_000
      }
      const end = (await now()) + ms
      await until(`${ms} ms on the clock of Redis`, async () => (await now()) > end)
    },
    reopen: async () => {
      await journal.close()
      return (await openRedisJournal(redis, bounds, subscribed, prefix)).journal
    },
  }
  await harness.connected()
  return harness
}

/** Opens journals with the same prefix. */
export async function openSharedJournals(
  redis: Pick<RedisServer, 'url' | 'command'>,
  count: number,
): Promise<SharedJournalsUnderTest> {
  const prefix = newPrefix()
  const opening = Array.from({ length: count }, () => openRedisJournal(redis, {}, [], prefix))
  const harnesses = await Promise.all(opening)
  return {
    journals: harnesses.map(({ journal }) => journal),
    clock: systemClock,
    eventually: (condition) => until('the condition holds', condition),
    advance: async (ms) => await harnesses[0]?.advance(ms),
  }
}
