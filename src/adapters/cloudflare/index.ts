/** The Cloudflare Workers adapter: Durable Objects hold the hub, because isolates share no memory. */
// @ts-expect-error Only workerd has this module; platform.ts has its types.
import { DurableObject } from 'cloudflare:workers'
import { systemClock } from '../../core/clock.ts'
import { portableStream } from '../../http/stream.ts'
import { type ReaderProbe, webStream } from '../../http/web-stream.ts'
import { internalsOf } from '../../hub/internals.ts'
import { createSqliteJournal, type SqliteJournal } from '../../journal/sqlite/journal.ts'
import { accessModeOf } from '../../server/access.ts'
import { compose, journalBounds, type RuntimeSupport, type Service } from '../../server/compose.ts'
import { MAX_SHARDS } from '../../server/config.ts'
import { openLog } from '../../server/log.ts'
import type { DurableObjectBase, Env, ObjectState, ObjectStub } from './platform.ts'
import { discardBody, shardCountOf } from './request.ts'
import {
  createFencedJournal,
  createResharding,
  initialEpochSuffix,
  type Resharding,
} from './resharding.ts'
import { createRouter, type Shard } from './router.ts'
import { shardRoute } from './routes.ts'
import { readWorkerConfig } from './settings.ts'

const Base: typeof DurableObjectBase = DurableObject

/**
 * When a client resets its connection within milliseconds, workerd reads the first bytes, never reads
 * again and reports no disconnect. A comment, which clients ignore, detects such streams.
 */
const READER_PROBE: ReaderProbe = {
  bytes: new TextEncoder().encode(':\n\n'),
  maxWaitMs: 10_000,
  clock: systemClock,
}

/** Milliseconds that a response waits for the rest of a request body that was not read. */
const DISCARD_WAIT_MS = 500

/** A Durable Object that holds the hub, or one shard of it. */
class HubObject extends Base {
  readonly #service: Service
  readonly #journal: SqliteJournal
  readonly #resharding: Resharding

  /** @throws {ConfigError} @throws {HubError} `invalid-option` for events larger than SQLite can store */
  constructor(ctx: ObjectState, env: Env) {
    super(ctx, env)
    const { storage } = ctx
    const config = readWorkerConfig(env)
    const { MAX_EVENT_BYTES: maxEventBytes, HUB_SHARDS: count } = config
    const shard = shardNumber(ctx, env)
    const epochSuffix = initialEpochSuffix(count)
    const bounds = journalBounds(config)
    this.#journal = createSqliteJournal({ storage, maxEventBytes, epochSuffix, ...bounds })
    this.#resharding = createResharding({
      shard,
      count,
      journal: this.#journal,
      sync: () => storage.sync(),
      endStreams: () => internalsOf(this.#service.hub).endStreams(),
      fenceShard: (other) => stubOf(env, other).fence(count),
      ensureFirstReady: () => stubOf(env, 0).ensureReady(count),
      clock: systemClock,
    })
    this.#service = compose({
      config,
      accessMode: accessModeOf(config, 'network'),
      log: openLog(config.LOG_LEVEL),
      runtime: runtimeOf(shard),
      journal: createFencedJournal(this.#journal, () => this.#resharding.serving),
    })
    // The first sequence number of this lifetime must be on disk before any client receives one.
    void ctx.blockConcurrencyWhile(() => storage.sync())
  }

  /** Called by the platform when a stored event is too old, even if no client is connected. */
  alarm(): void {
    this.#journal.prune()
  }

  /** Called by the first shard, by RPC. @see Resharding.fence */
  async fence(count: number): Promise<void> {
    await this.#resharding.fence(count)
  }

  /** Called on the first shard, by RPC. @see Resharding.ensureReady */
  async ensureReady(count: number): Promise<void> {
    await this.#resharding.ensureReady(count)
  }

  /** Serves the HTTP interface. It is not RPC, because streams need a Response. */
  async fetch(request: Request): Promise<Response> {
    try {
      await this.#resharding.ensureReady(shardCountOf(request))
      return await this.#service.app.fetch(request)
    } finally {
      if (request.body && !request.bodyUsed) await this.#discard(request.body)
    }
  }

  /** workerd cuts the connection when a response is sent while the request's body is unread. */
  async #discard(body: ReadableStream<Uint8Array>): Promise<void> {
    const discarded = discardBody(body)
    this.ctx.waitUntil(discarded)
    await Promise.race([discarded, new Promise((resolve) => setTimeout(resolve, DISCARD_WAIT_MS))])
  }
}

// The migrations in wrangler.toml name the class `Hub`. Under another name, deployed objects would
// lose their storage, and with it their journals.
export { HubObject as Hub }

function runtimeOf(shard: number): RuntimeSupport {
  return {
    // Workers can't drop the socket of a single client: the platform does so in its own time.
    native: webStream(undefined, READER_PROBE),
    portable: portableStream(),
    // Cloudflare sets this header, whatever the client sends.
    remoteAddress: (c) => c.req.header('CF-Connecting-IP'),
    // Only the first shard counts: otherwise some shards could refuse an event that others have published.
    isCountedElsewhere: (c) => shard > 0 && shardRoute(c.req.raw).to === 'publish',
  }
}

/** The name of a shard's object. The first one has the same name, and so the same journal, whatever the number of shards. */
function objectName(shard: number): string {
  return shard === 0 ? 'hub' : `hub-${shard}`
}

function stubOf({ HUB }: Env, shard: number): ObjectStub {
  return HUB.get(HUB.idFromName(objectName(shard)))
}

/** The number of an object's shard, however many shards there are now; 0 for an object of another name. */
function shardNumber({ id }: ObjectState, { HUB }: Env): number {
  const numbers = Array.from({ length: MAX_SHARDS }, (_, shard) => shard)
  return numbers.find((shard) => `${HUB.idFromName(objectName(shard))}` === `${id}`) ?? 0
}

/** The maximum number of bytes of JSON per byte of data, and of further bytes in the body of a publish. */
const JSON_BYTES_PER_BYTE = 6
const BODY_OVERHEAD_BYTES = 8_192

/** The router of a Worker. @throws {ConfigError} */
export function openRouter(env: Env): Shard {
  const { HUB_SHARDS, MAX_EVENT_BYTES, RETRY_MS, CORS_ORIGINS, LOG_LEVEL } = readWorkerConfig(env)
  const log = openLog(LOG_LEVEL)
  return createRouter({
    count: HUB_SHARDS,
    retryMs: RETRY_MS,
    corsOrigins: CORS_ORIGINS,
    report: (error) =>
      log.warn('Durable Object unavailable: the client should retry', { error: String(error) }),
    maxBodyBytes: MAX_EVENT_BYTES * JSON_BYTES_PER_BYTE + BODY_OVERHEAD_BYTES,
    shard: (index) => stubOf(env, index),
  })
}

/** The router of this isolate. */
let router: Shard | undefined

/** The Worker: the platform calls it for every request from outside. */
const worker: { fetch(request: Request, env: Env): Promise<Response> } = {
  async fetch(request, env) {
    router ??= openRouter(env)
    return await router.fetch(request)
  },
}

export default worker
