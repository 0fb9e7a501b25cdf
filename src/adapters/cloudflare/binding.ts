/** The binding `HUB`, through which a Worker reaches the objects that hold the hub. */
import { ConfigError, MAX_SHARDS } from '../../server/config.ts'
import type { Env, ObjectStub } from './platform.ts'

/** The binding that a Worker of your own needs, beside any other variables of the hub. */
export type HubBindings = Pick<Env, 'HUB'>

/** The name of a shard's object. The first one has the same name, and so the same journal, whatever the number of shards. */
export function objectName(shard: number): string {
  return shard === 0 ? 'hub' : `hub-${shard}`
}

/** The number of an object's shard, however many shards there are now; 0 for an object of another name. */
export function shardNumber({ HUB }: HubBindings, id: object): number {
  const numbers = Array.from({ length: MAX_SHARDS }, (_, shard) => shard)
  return numbers.find((shard) => `${HUB.idFromName(objectName(shard))}` === `${id}`) ?? 0
}

/** Returns the object that holds a shard. */
export function stubOf({ HUB }: HubBindings, shard: number): ObjectStub {
  return HUB.get(HUB.idFromName(objectName(shard)))
}

/** @throws {ConfigError} if the binding is missing, or is another kind of binding */
export function checkBinding(env: HubBindings): void {
  const { HUB } = Object(env) as Partial<HubBindings>
  if (typeof HUB?.idFromName === 'function' && typeof HUB.get === 'function') return
  throw new ConfigError(
    'The Worker has no binding HUB: bind the Durable Objects of the class Hub as HUB in wrangler.toml, and pass env.',
  )
}
