/** The Cloudflare Workers door: a Durable Object holds the hub, because isolates share no memory. */
import { portableStream } from '../../http/stream.ts'
import { webStream } from '../../http/web-stream.ts'
import { createSqliteJournal, type SqliteJournal } from '../../journal/sqlite/journal.ts'
import type { ObjectStorage } from '../../journal/sqlite/store.ts'
import { accessModeOf } from '../../server/access.ts'
import { compose, journalBounds, type Service } from '../../server/compose.ts'
import { MAX_SHARDS, readConfig } from '../../server/config.ts'
import { openLog } from '../../server/log.ts'
import {
  createResharding,
  initialEpochSuffix,
  type Resharding,
  tellingOf,
  toldIn,
} from './resharding.ts'
import { createRouter, type Shard } from './router.ts'

/** The part of a Durable Object namespace that this door uses. */
interface Namespace {
  idFromName(name: string): object
  get(id: object): Shard
}

/** The part of a Durable Object's state that this door uses. */
interface State {
  readonly id: object
  readonly storage: ObjectStorage & { sync(): Promise<void> }
  blockConcurrencyWhile(work: () => Promise<void>): Promise<void>
  waitUntil(promise: Promise<unknown>): void
}

interface Env {
  readonly HUB: Namespace
  readonly [variable: string]: unknown
}

/** An object that holds the hub, or a part of its clients. A class, because the platform demands one. */
export class Hub {
  readonly #state: State
  readonly #service: Service
  readonly #journal: SqliteJournal
  readonly #settling: Resharding

  /** @throws {ConfigError} @throws {HubError} `invalid-option` for events that SQLite can't take */
  constructor(state: State, env: Env) {
    const { storage } = state
    this.#state = state
    const config = readConfig(env)
    const { MAX_EVENT_BYTES: maxEventBytes, HUB_SHARDS: count } = config
    const own = numberOf(state, env)
    const epochSuffix = initialEpochSuffix(count)
    this.#journal = createSqliteJournal({
      storage,
      maxEventBytes,
      epochSuffix,
      ...journalBounds(config),
    })
    this.#settling = createResharding({
      own,
      count,
      journal: this.#journal,
      sync: () => storage.sync(),
      tell: (shard) => tell(env, shard, count),
    })
    const stance = accessModeOf(config, 'world')
    this.#service = compose(
      config,
      stance,
      openLog(config.LOG_LEVEL),
      {
        // Workers has no way to drop one client's socket: the platform does, in its own time.
        native: webStream(),
        portable: portableStream(),
        // Set by Cloudflare, whatever the client sends.
        remoteAddress: (c) => c.req.header('CF-Connecting-IP'),
        // By the first object, whose judgement holds for all: else some would have the event, others not.
        isCountedElsewhere: (c) => own > 0 && /^\/(broadcast$|topics\/)/.test(c.req.path),
      },
      this.#journal,
    )
    // Where this life begins to count must be on disk before anybody hears a number of it.
    void state.blockConcurrencyWhile(() => state.storage.sync())
  }

  /** Comes when something kept is too old, also when nobody is connected. */
  alarm(): void {
    this.#journal.prune()
  }

  async fetch(request: Request): Promise<Response> {
    const count = toldIn(request)
    if (count !== undefined) {
      await this.#settling.fence(count)
      return new Response(null, { status: 204 })
    }
    try {
      await this.#settling.ensureReady()
      return await this.#service.app.fetch(request)
    } finally {
      if (request.body && !request.bodyUsed) await this.#skip(request.body)
    }
  }

  /** workerd cuts the connection of a request that is answered with its body unread: it gets a moment. */
  async #skip(body: ReadableStream<Uint8Array>): Promise<void> {
    const skipped = skip(body)
    this.#state.waitUntil(skipped)
    await Promise.race([skipped, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))])
  }
}

/** What is read of a body that was refused: more than any event, less than would be a burden. */
const MAX_SKIPPED_BYTES = 4_194_304
const MAX_SKIPPED_MS = 5_000

/** Milliseconds that an answer waits for the rest of a body which nobody wants. */
const PATIENCE_MS = 500

/** Reads a body to its end, or until it is too long or too slow. */
async function skip(body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader()
  const timer = setTimeout(() => void reader.cancel(), MAX_SKIPPED_MS)
  for (let bytes = 0; bytes < MAX_SKIPPED_BYTES; ) {
    const { done, value } = await reader.read()
    if (done) break
    bytes += value.byteLength
  }
  clearTimeout(timer)
}

/** Bytes of JSON that one byte of data takes at the most, and of what stands beside the data. */
const SPELLING = 6
const SLACK_BYTES = 8_192

/** The first has the same name however many there are: what it keeps outlives a change of their number. */
function nameOf(shard: number): string {
  return shard === 0 ? 'hub' : `hub-${shard}`
}

/** Which of the objects this is, however many there are now; 0 for one of another name. */
function numberOf({ id }: State, { HUB }: Env): number {
  const numbers = Array.from({ length: MAX_SHARDS }, (_, shard) => shard)
  return numbers.find((shard) => `${HUB.idFromName(nameOf(shard))}` === `${id}`) ?? 0
}

/** Tells another object how many there are. */
async function tell({ HUB }: Env, shard: number, count: number): Promise<void> {
  const { status } = await HUB.get(HUB.idFromName(nameOf(shard))).fetch(tellingOf(count))
  if (status !== 204) throw new Error(`Object ${shard} answered ${status}.`)
}

/** The objects, as this isolate reaches them. */
let shards: Shard | undefined

/** @throws {ConfigError} */
function openShards(env: Env): Shard {
  const { HUB_SHARDS, MAX_EVENT_BYTES, RETRY_MS, CORS_ORIGINS, LOG_LEVEL } = readConfig(env)
  const log = openLog(LOG_LEVEL)
  return createRouter({
    count: HUB_SHARDS,
    retryMs: RETRY_MS,
    corsOrigins: CORS_ORIGINS,
    report: (error) => log.warn('object unavailable', { error: String(error) }),
    maxBodyBytes: MAX_EVENT_BYTES * SPELLING + SLACK_BYTES,
    shard: (index) => env.HUB.get(env.HUB.idFromName(nameOf(index))),
  })
}

/** What the platform calls for each request. */
const entry: { fetch(request: Request, env: Env): Promise<Response> } = {
  async fetch(request, env) {
    // Only an object may say such a thing to another.
    if (toldIn(request) !== undefined) return new Response(null, { status: 404 })
    shards ??= openShards(env)
    return await shards.fetch(request)
  },
}

export default entry
