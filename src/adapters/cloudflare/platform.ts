/**
 * The parts of the Workers platform that this folder uses, typed by hand: an application that
 * imports `hono-sse/worker` does not need `@cloudflare/workers-types`.
 */
import type { ObjectStorage } from '../../journal/sqlite/object-storage.ts'
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
export interface ObjectStub extends Shard {
  /** @see Resharding.fence */
  fence(count: number): Promise<void>
  /** @see Resharding.ensureReady */
  ensureReady(count: number): Promise<void>
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
  protected readonly ctx: ObjectState
  protected readonly env: Env
  constructor(ctx: ObjectState, env: Env)
}
