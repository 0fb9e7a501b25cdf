/** Publishes events of a batch in order, each as one request would: schema, permission, rate limit, hub. */
import type { Context, MiddlewareHandler } from 'hono'
import type { z } from 'zod'
import type { Address, Addresses } from '../../core/address.ts'
import { HubError } from '../../core/errors.ts'
import { checksLater } from '../../hub/event-check.ts'
import type { Hub } from '../../hub/hub-types.ts'
import { internalsOf } from '../../hub/internals.ts'
import type { Access } from '../auth/authorizer.ts'
import { holdPermissions } from '../auth/held-permissions.ts'
import { publishArgs } from '../idempotency/publish-args.ts'
import { passThrough } from '../middleware/authorize.ts'
import { tooMany } from '../middleware/rate-limit.ts'
import { issuesIn } from '../middleware/validate.ts'
import { SUBJECT } from '../middleware/variables.ts'
import { type Explanation, explain, problemBody } from '../problem.ts'
import { addressesOf, BatchEvent, type BatchProblem, type BatchResult } from '../schemas/batches.ts'
import { PublishBody } from '../schemas/requests.ts'
import { eventContext } from './event-context.ts'

/** What publishing requires. */
export interface BatchInit {
  readonly hub: Hub
  readonly access: Access | undefined
  /** Limits how often events are published. */
  readonly limit: MiddlewareHandler
  /** Counts events that are refused, by status. */
  readonly errors: Map<number, number>
  /** Receives unexpected errors. */
  onError(error: unknown, c: Context): void
}

const piped = new WeakSet<Request>()

/** Makes the lines of a request the events of one stream: its first refusal is its last result. Returns the request. */
export function asPiped(request: Request): Request {
  piped.add(request)
  return request
}

/** Whether the lines of a request are the events of one stream. */
export function isPiped(c: Context): boolean {
  return piped.has(c.req.raw)
}

/**
 * Publishes events in one turn, and resolves with their results in order: of the events of one stream, up to the first
 * that is refused.
 * @param parse - returns the value that the schema validates. What it throws is the result
 */
export type PublishAll = <Item>(
  items: readonly Item[],
  parse: (item: Item) => unknown,
) => Promise<readonly BatchResult[]>

/** Publishes the events of one request. */
export interface BatchPublisher {
  publishAll: PublishAll
  /**
   * Returns what publishes events of one turn one after the other, also while the hub drains. Their permissions are
   * read once.
   */
  startTurn(): (event: unknown) => Promise<BatchResult>
}

/** Creates the publisher of one request. @param address - whom its events are for. @defaultValue each of them says so */
export function createBatchPublisher(
  { hub, access, limit, errors, onError }: BatchInit,
  c: Context,
  address?: Address,
): BatchPublisher {
  const { events } = internalsOf(hub)
  const endsAtRefusal = isPiped(c)
  const read = (value: unknown): readonly [Addresses, PublishBody] => {
    return address === undefined ? withRecipients(value) : [address, checked(PublishBody, value)]
  }
  return {
    publishAll: (items, parse) => publishIn(turn(), items, parse, checkOpen),
    startTurn: () => {
      const own = turn()
      return async (event) => (await publishIn(own, [event], same))[0] as BatchResult
    },
  }

  /** A context that holds permissions. */
  function turn(): Context {
    const own = eventContext(c)
    holdPermissions(own)
    return own
  }

  /** @throws {HubError} `hub-closed` also while the hub drains */
  function checkOpen(): void {
    if (hub.closing) throw new HubError('hub-closed', CLOSING.detail)
  }

  async function publishIn<Item>(
    own: Context,
    items: readonly Item[],
    parse: (item: Item) => unknown,
    check?: () => void,
  ): Promise<readonly BatchResult[]> {
    const results: (BatchResult | Promise<BatchResult>)[] = []
    for (const item of items) {
      try {
        const [addresses, body] = read(parse(item))
        check?.()
        for (const one of access ? [addresses].flat() : []) {
          own.set(SUBJECT, await access?.publish(own, one))
        }
        const refusal = limit === passThrough ? undefined : await refusalOf(own)
        const result = refusal
          ? asResult(refusal)
          : hub.publish(addresses, ...publishArgs(own, body)).catch(problemIn)
        results.push(result)
        if (checksLater(events)) await result
      } catch (error) {
        results.push(problemIn(error))
      }
      if (endsAtRefusal && isRefused(await results.at(-1))) break
    }
    const all = await Promise.all(results)
    for (const result of all) if (isRefused(result)) countError(result)
    return all
  }

  function countError({ status }: { readonly status: number }): void {
    errors.set(status, (errors.get(status) ?? 0) + 1)
  }

  /** Counts one event. The limit may be any middleware: it refuses by responding. */
  async function refusalOf(from: Context): Promise<Explanation | undefined> {
    const own = eventContext(from)
    const response = (await limit(own, async () => {})) ?? (own.finalized ? own.res : undefined)
    if (!response) return undefined
    const { status, headers } = response
    const seconds = headers.get('Retry-After')
    const detail = tooMany('retryAfter')
    return { status, detail, ...(seconds !== null && { retryAfter: Number(seconds) }) }
  }

  function problemIn(error: unknown): BatchResult {
    return asResult(explain(error, (unexpected) => onError(unexpected, c)))
  }
}

function same<Item>(item: Item): Item {
  return item
}

/** Whether an event was not published. */
export function isRefused(result: BatchResult | undefined): result is BatchProblem {
  return result !== undefined && 'status' in result
}

/** The result of an event that was not published. */
export function asResult(explanation: Explanation): BatchProblem {
  const { retryAfter } = explanation
  const body = problemBody(explanation)
  return retryAfter === undefined ? body : { ...body, retryAfter }
}

/** Why a hub that drains publishes no more of a batch. */
export const CLOSING: Explanation = {
  status: 503,
  detail: 'The hub is shutting down: send the rest to another instance.',
  code: 'hub-closed',
}

function withRecipients(value: unknown): readonly [Addresses, PublishBody] {
  const { to, ...event } = checked(BatchEvent, value)
  return [addressesOf(to), event]
}

/** @throws {HubError} `invalid-event` */
function checked<Output>(schema: z.ZodType<Output>, value: unknown): Output {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new HubError('invalid-event', '', { issues: issuesIn(result.error) })
}
