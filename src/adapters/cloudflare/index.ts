/** The Cloudflare Workers adapter: Durable Objects hold the hub, because isolates share no memory. */
// @ts-expect-error Only workerd has this module; platform.ts has its types.
import { DurableObject } from 'cloudflare:workers'
import { Hono } from 'hono'
import { systemClock } from '../../core/clock.ts'
import { createHolding } from '../../core/holding.ts'
import { streamEvents, streamOfBye } from '../../http/stream.ts'
import type { DisconnectResult, StopResult } from '../../hub/cluster.ts'
import type { PublishResult } from '../../hub/delivery.ts'
import { internalsOf } from '../../hub/internals.ts'
import type { PipeResult } from '../../hub/piping/pipe.ts'
import {
  createSqliteJournal,
  type SqliteJournal,
  type StoredControlRequest,
} from '../../journal/sqlite/journal.ts'
import { accessModeOf, CONFIGURE_WORKER } from '../../server/access.ts'
import { compose, journalBounds, type RuntimeSupport, type Service } from '../../server/compose.ts'
import { limitedLog } from '../../server/log.ts'
import { openLog } from '../../server/logger.ts'
import { checkBinding, type HubBindings, shardNumber, stubOf } from './binding.ts'
import { createObjectHub, type ObjectHub } from './hub-of.ts'
import type { DurableObjectBase, Env, ObjectState } from './platform.ts'
import { createShardPresence } from './presence/shard-presence.ts'
import { createRemoteCalls, PERMIT_HEADER, type RemoteCalls } from './remote-calls.ts'
import { discardForResponse, isCountedByFirst, receive, shardCountOf } from './request.ts'
import {
  createFencedJournal,
  createResharding,
  initialEpochSuffix,
  REQUESTS_PER_CALL,
  type Resharding,
} from './resharding.ts'
import { createRouter, type Shard } from './router.ts'
import { readWorkerConfig } from './settings.ts'

const Base: typeof DurableObjectBase = DurableObject

/** A Durable Object that holds the hub, or one shard of it. */
class HubObject extends Base {
  readonly #service: Service
  readonly #journal: SqliteJournal
  readonly #resharding: Resharding
  readonly #calls: ReturnType<typeof createRemoteCalls>

  /** @throws {ConfigError} @throws {HubError} `invalid-option` for events larger than SQLite can store */
  constructor(ctx: ObjectState, env: Env) {
    super(ctx, env)
    const config = readWorkerConfig(env)
    const { MAX_EVENT_BYTES: maxEventBytes, HUB_SHARDS: count } = config
    const shard = shardNumber(env, ctx.id)
    const epochSuffix = initialEpochSuffix(count)
    const options = { storage: ctx.storage, maxEventBytes, ...journalBounds(config) }
    this.#journal = createSqliteJournal({ ...options, epochSuffix })
    this.#resharding = createResharding({
      shard,
      count,
      journal: this.#journal,
      sync: () => ctx.storage.sync(),
      endStreams: () => internalsOf(this.#service.hub).endStreams(),
      fenceShard: (other) => stubOf(env, other).fence(count),
      requestsOfFirst: (after) => stubOf(env, 0).storedRequests(count, after),
      clock: systemClock,
    })
    const presence = createShardPresence({
      shard,
      count,
      presence: this.#journal.backplane.presence,
      resharding: this.#resharding,
      onlineAt: (other, clients) => stubOf(env, other).onlineAmong(count, clients),
      clock: systemClock,
    })
    this.#service = compose({
      config,
      accessMode: accessModeOf(config, 'network'),
      log: openLog(config.LOG_LEVEL),
      runtime: runtimeOf(shard),
      journal: createFencedJournal(this.#journal, presence, () => this.#resharding.serving),
    })
    this.#calls = createRemoteCalls({
      hub: this.#service.hub,
      ensureReady: this.#resharding.ensureReady,
      clock: systemClock,
    })
    // The first sequence number of this lifetime must be on disk before any client receives one.
    void ctx.blockConcurrencyWhile(() => ctx.storage.sync())
  }

  /** Called by the platform when a stored event is too old, or a client may be offline, even if no client is connected. */
  async alarm(): Promise<void> {
    await this.#journal.prune()
  }

  /** Called by the first shard, by RPC. @see Resharding.fence */
  async fence(count: number): Promise<void> {
    await this.#resharding.fence(count)
  }

  /** Called on the first shard, by RPC. @see ReshardingInit.requestsOfFirst */
  async storedRequests(count: number, after: string): Promise<readonly StoredControlRequest[]> {
    await this.#resharding.ensureReady(count)
    return this.#journal.storedRequests(after, REQUESTS_PER_CALL)
  }

  /** Called by other shards, by RPC. @see ShardPresenceInit.onlineAt */
  async onlineAmong(count: number, clients: readonly string[]): Promise<readonly string[]> {
    await this.#resharding.ensureReady(count)
    return this.#journal.onlineAmong(clients)
  }

  /** Called by a Worker, by RPC. @see RemoteCalls */
  async publish(...args: Parameters<RemoteCalls['publish']>): Promise<PublishResult> {
    return await this.#calls.publish(...args)
  }

  /** Called by a Worker, by RPC. @see RemoteCalls */
  async publishWith(...args: Parameters<RemoteCalls['publishWith']>): Promise<PublishResult> {
    return await this.#calls.publishWith(...args)
  }

  /** Called by a Worker, by RPC. @see RemoteCalls */
  async pipe(...args: Parameters<RemoteCalls['pipe']>): Promise<PipeResult> {
    return await this.#calls.pipe(...args)
  }

  /** Called by a Worker, by RPC. @see RemoteCalls */
  async endPipe(...args: Parameters<RemoteCalls['endPipe']>): Promise<void> {
    await this.#calls.endPipe(...args)
  }

  /** Called by a Worker, by RPC. @see RemoteCalls */
  async stop(...args: Parameters<RemoteCalls['stop']>): Promise<StopResult> {
    return await this.#calls.stop(...args)
  }

  /** Called by a Worker, by RPC. @see RemoteCalls */
  async disconnect(...args: Parameters<RemoteCalls['disconnect']>): Promise<DisconnectResult> {
    return await this.#calls.disconnect(...args)
  }

  /** Called by a Worker, by RPC. @see RemoteCalls */
  async permit(...args: Parameters<RemoteCalls['permit']>): Promise<string> {
    return await this.#calls.permit(...args)
  }

  /** Serves the HTTP interface. It is not RPC, because streams need a Response. */
  async fetch(request: Request): Promise<Response> {
    try {
      await this.#resharding.ensureReady(shardCountOf(request))
      const permit = request.headers.get(PERMIT_HEADER)
      return await (permit === null
        ? this.#service.app.fetch(receive(request))
        : this.#open(request, permit))
    } finally {
      if (request.body && !request.bodyUsed) await discardForResponse(request.body, this.ctx)
    }
  }

  /** Opens a stream that a Worker has permitted. */
  #open(request: Request, name: string): Response | Promise<Response> {
    const { hub } = this.#service
    const permit = this.#calls.takePermit(name)
    // This object has restarted since: the client reconnects.
    if (!permit) {
      const { byeFrame, hold } = internalsOf(hub)
      return streamOfBye(byeFrame('shutdown'), hold)
    }
    const info = {
      opener: 'native',
      remoteAddress: request.headers.get('CF-Connecting-IP') ?? undefined,
      requestId: request.headers.get('X-Request-Id')?.slice(0, 255),
    }
    return new Hono().all('*', (c) => streamEvents(c, { hub, ...permit, info })).fetch(request)
  }
}

// The migrations in wrangler.toml name the class `Hub`. Under another name, deployed objects would
// lose their storage, and with it their journals.
export { HubObject as Hub }

function runtimeOf(shard: number): RuntimeSupport {
  return {
    // Cloudflare sets this header, whatever the client sends.
    remoteAddress: (c) => c.req.header('CF-Connecting-IP'),
    isCountedElsewhere: (c) => isCountedByFirst(shard, c.req.raw),
  }
}

/** The router of a Worker. @throws {ConfigError} */
export function openRouter(env: Env): Shard {
  checkBinding(env)
  const config = readWorkerConfig(env)
  const { HUB_SHARDS, MAX_EVENT_BYTES, MAX_BATCH_EVENTS, RETRY_MS, CORS_ORIGINS, LOG_LEVEL } =
    config
  const log = limitedLog(openLog(LOG_LEVEL), systemClock)
  if (accessModeOf(config, 'network') === 'refused') log.warn(CONFIGURE_WORKER)
  return createRouter({
    count: HUB_SHARDS,
    retryMs: RETRY_MS,
    corsOrigins: CORS_ORIGINS,
    report: (error) =>
      log.warn('Durable Object unavailable: the client should retry', { error: String(error) }),
    maxEventBytes: MAX_EVENT_BYTES,
    maxBatchEvents: MAX_BATCH_EVENTS,
    shard: (index) => stubOf(env, index),
  })
}

/** A Worker may call `hubOf` for each request: their refusals are bounded together. */
const { hold } = createHolding(systemClock)

/**
 * The hub, for a Worker of your own that binds its objects as `HUB`.
 * @throws {ConfigError} when a variable of the Worker is invalid, or the binding is missing
 */
export function hubOf(env: HubBindings): ObjectHub {
  checkBinding(env)
  const { HUB_SHARDS, RETRY_MS } = readWorkerConfig(env)
  return createObjectHub({
    hold,
    count: HUB_SHARDS,
    retryMs: RETRY_MS,
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
