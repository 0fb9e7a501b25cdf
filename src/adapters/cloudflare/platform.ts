/**
 * The parts of the Workers platform that this folder uses, typed by hand: an application that
 * imports `hono-sse/worker` does not need `@cloudflare/workers-types`.
 */
import type { StoredControlRequest } from '../../journal/sqlite/journal.ts'
import type { ObjectStorage } from '../../journal/sqlite/object-storage.ts'
import type { RemoteCalls } from './remote-calls.ts'
import type { Shard } from './router.ts'

/** The variables and bindings that wrangler.toml declares. */
export interface Env {
  readonly HUB: ObjectNamespace
  readonly [variable: string]: unknown
}

/** The Durable Objects of one class. */
export interface ObjectNamespace {
  idFromName(name: string): object
  get(id: object): ObjectStub
}

/** A Durable Object, called from outside: public requests by `fetch`, everything else by RPC. */
export interface ObjectStub extends Shard, RemoteCalls {
  /** @see Resharding.fence */
  fence(count: number): Promise<void>
  /** @see ReshardingInit.requestsOfFirst */
  storedRequests(count: number, after: string): Promise<readonly StoredControlRequest[]>
  /** @see ShardPresenceInit.onlineAt */
  onlineAmong(count: number, clients: readonly string[]): Promise<readonly string[]>
}

/** What the platform gives a Durable Object. */
export interface ObjectState {
  readonly id: object
  readonly storage: ObjectStorage & { sync(): Promise<void> }
  blockConcurrencyWhile(work: () => Promise<void>): Promise<void>
  waitUntil(promise: Promise<unknown>): void
}

/** `DurableObject` of `cloudflare:workers`: the base class that makes an object's methods callable by RPC. */
export declare abstract class DurableObjectBase {
  /** What the types of the platform recognise a Durable Object by: `DurableObjectNamespace<Hub>`. */
  readonly __DURABLE_OBJECT_BRAND: never
  protected readonly ctx: ObjectState
  protected readonly env: Env
  constructor(ctx: ObjectState, env: Env)
}
