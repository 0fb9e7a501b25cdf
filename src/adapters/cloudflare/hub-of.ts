/** The hub as a Worker of one's own calls it: each call goes to the objects that it concerns. */
import { type Addresses, checkName } from '../../core/address.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { byeFrame } from '../../core/control-events.ts'
import { checkRange, HubError, isHubError } from '../../core/errors.ts'
import { checkEventKey, checkFields, type EventInput, prepareEvent } from '../../core/event.ts'
import { createHolding } from '../../core/holding.ts'
import { bareContext } from '../../http/openers/bare-context.ts'
import type { Published } from '../../http/schemas/responses.ts'
import { type Hold, streamOfBye, topicsProblem } from '../../http/stream.ts'
import type { StopResult } from '../../hub/cluster.ts'
import type { PublishOptions } from '../../hub/idempotency/once-of.ts'
import { answerInTime, headInTime } from './deadline.ts'
import { isTransient, lacksCalls } from './failures.ts'
import { mergePublished } from './merge.ts'
import { createObjectPipe, type ObjectPipe } from './piping/object-pipe.ts'
import type { ObjectStub } from './platform.ts'
import { conflictAfter } from './refusals.ts'
import { checkPermit, errorOfCall, type StreamPermit } from './remote-calls.ts'
import { withShardCount } from './request.ts'
import { type Part, partsOf, shardOf } from './sharding.ts'

/** A hub that Durable Objects hold. */
export interface ObjectHub {
  /**
   * Publishes like `Hub.publish`. With several objects, an event has an id on each that it concerns: that of a
   * client, or all for a topic or everyone.
   * @throws {HubError} as `Hub.publish`; `journal-unavailable` also if an object can't be reached. The
   * event may have been stored then, on some objects or on all. A repetition with the same idempotency key
   * stores it on those that lack it
   */
  publish(addresses: Addresses, event: EventInput, options?: PublishOptions): Promise<Published>
  /**
   * Publishes the events of a stream like `Hub.pipe`. With several objects, the result has the last id on each, and
   * `published` counts the events that are on all. The stream breaks off if the platform ends the Worker: then the objects
   * publish `onAbort`. If one of them fails, the reason is `broken` on the others.
   * @throws {HubError} as `Hub.pipe`; `journal-unavailable` also if an object can't be reached, or is silent for ten seconds
   */
  readonly pipe: ObjectPipe
  /**
   * Ends what is piped to the client under the key now, whichever Worker pipes it.
   * @throws {HubError} `invalid-address`, `invalid-event` for the key; `journal-unavailable` if the object can't be reached
   */
  stop(client: string, key: string): Promise<StopResult>
  /**
   * Ends all connections of a client, and refuses it for `blockMs` milliseconds (default 0).
   * @throws {HubError} `invalid-address`, `invalid-option`, `at-capacity`; `journal-unavailable` if an object can't be reached
   */
  disconnect(client: string, blockMs?: number): Promise<{ readonly disconnected: number }>
  /**
   * Opens a stream for the sender of a request, whom your own login has identified. If it can't be
   * opened now, the response is a stream that ends with `hub:bye`, and the client reconnects. Invalid topics,
   * which may come from the request, lead to 400.
   * @throws {HubError} `invalid-address` for the client id; `invalid-option`
   */
  open(request: Request, permit: StreamPermit): Promise<Response>
}

/** What the calls need to find the objects. */
export interface ObjectHubInit {
  /** The number of shards. */
  readonly count: number
  /** The minimum number of milliseconds before clients reconnect; the maximum is twice as long. */
  readonly retryMs: number
  shard(index: number): ObjectStub
  readonly clock?: Pick<Clock, 'every'> | undefined
  /** Delays refusals. @defaultValue bounds those of this hub alone */
  readonly hold?: Hold | undefined
}

/** Makes the calls of several shards those of one hub. */
export function createObjectHub(init: ObjectHubInit): ObjectHub {
  const { count, retryMs, shard, clock = systemClock } = init
  const { hold = createHolding(clock).hold } = init
  const pipe = createObjectPipe({ count, clock, shard, errorOf })
  return { publish, pipe, stop, disconnect, open }

  async function publish(
    addresses: Addresses,
    input: EventInput,
    options?: PublishOptions,
  ): Promise<Published> {
    const [part, ...parts] = partsOf(addresses, count)
    const event = transferable(input)
    // The first one decides whether the event is valid.
    const first = await publishPart(part, event, options)
    if (parts.length === 0) return first
    let published = 1
    const others = parts.map(async (one) => {
      const result = await publishPart(one, event, options)
      published += 1
      return result
    })
    try {
      return mergePublished([first, ...(await allOf(others))])
    } catch (error) {
      if (!isHubError(error) || error.code !== 'idempotency-conflict') throw error
      throw new HubError(error.code, conflictAfter(published, parts.length + 1))
    }
  }

  async function publishPart(
    [shard, to]: Part,
    event: EventInput,
    options: PublishOptions | undefined,
  ): Promise<Published> {
    try {
      return await call(shard, (one) => {
        return options ? one.publishWith(to, event, options, count) : one.publish(to, event, count)
      })
    } catch (error) {
      // They are valid: an older version does not know lists of addresses.
      const isOlder = isHubError(error) && error.code === 'invalid-address'
      throw isOlder ? new HubError('journal-unavailable', LACKING) : error
    }
  }

  async function stop(client: string, key: string): Promise<StopResult> {
    checkName('client id', client)
    checkEventKey(key)
    return await call(shardOf(client, count), (one) => one.stop(client, key, count))
  }

  async function disconnect(
    client: string,
    blockMs = 0,
  ): Promise<{ readonly disconnected: number }> {
    checkName('client id', client)
    checkRange('blockMs', blockMs, 0)
    const own = shardOf(client, count)
    const result = await call(own, (one) => one.disconnect(client, blockMs, count))
    // Every shard refuses the tokens of a blocked client.
    if (blockMs > 0) await all(own, (one) => one.disconnect(client, blockMs, count))
    return { disconnected: result.disconnected }
  }

  async function open(request: Request, permit: StreamPermit): Promise<Response> {
    checkPermit(permit)
    checkName('client id', permit.client)
    const header = (name: string) => request.headers.get(name) ?? undefined
    const c = bareContext({ method: request.method, header }, undefined)
    const invalid = topicsProblem(c, permit.topics ?? [])
    if (invalid) return invalid
    const home = shardOf(permit.client, count)
    try {
      const name = await call(home, (one) => one.permit(permit, count))
      const permitted = withShardCount(request, count, { permit: name })
      return await headInTime(permitted, (sent) => shard(home).fetch(sent), clock)
    } catch (error) {
      if (error instanceof HubError ? !error.retryable : !isTransient(error)) throw error
      return streamOfBye(byeFrame('shutdown', retryMs * (1 + Math.random())), hold)
    }
  }

  async function all<T>(except: number, work: (one: ObjectStub) => Promise<T>): Promise<T[]> {
    const others = Array.from({ length: count }, (_, index) => index).filter(
      (one) => one !== except,
    )
    return await allOf(others.map((index) => call(index, work)))
  }

  async function call<T>(index: number, work: (one: ObjectStub) => Promise<T>): Promise<T> {
    try {
      return await answerInTime(work(shard(index)), clock)
    } catch (error) {
      throw errorOf(error)
    }
  }
}

/** The error of a call that has thrown this. */
function errorOf(thrown: unknown): unknown {
  if (lacksCalls(thrown)) return new HubError('journal-unavailable', LACKING)
  if (!isTransient(thrown)) return errorOfCall(thrown)
  return new HubError('journal-unavailable', UNCONFIRMED)
}

/** Waits for all, also if one has failed. */
async function allOf<T>(calls: readonly Promise<T>[]): Promise<T[]> {
  const outcomes = await Promise.allSettled(calls)
  return outcomes.map((outcome) => {
    if (outcome.status === 'fulfilled') return outcome.value
    throw outcome.reason
  })
}

/**
 * Returns an event that a call can carry: the data may be an instance of a class, which has its own JSON.
 * @throws {HubError} `invalid-event`
 */
function transferable(event: EventInput): EventInput {
  checkFields(event)
  // The object checks the size.
  const { data: text } = prepareEvent(event, Number.POSITIVE_INFINITY)
  const data: unknown = typeof event.data === 'string' ? text : JSON.parse(text)
  // The JSON of a date is a string in quotes, which stay: a string is sent as it is.
  return { ...event, data: typeof data === 'string' ? text : data }
}

const LACKING =
  'The Durable Object of the binding HUB does not know this call: it runs an older version of hono-sse, or another class is bound. After the deployment, try again.'

const UNCONFIRMED =
  'A Durable Object that holds the hub did not confirm the call, but may have carried it out. Try again.'
