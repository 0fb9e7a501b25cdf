/** What `publish` of the hub receives after the address: an event, and its idempotency key with whose key it is. */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { EventInput } from '../../core/event.ts'
import { IDEMPOTENCY_KEY_RULE, idempotencyKeyIn } from '../../core/idempotency/idempotency-key.ts'
import type { PublishOptions } from '../../hub/idempotency/once-of.ts'
import { SUBJECT } from '../middleware/variables.ts'
import type { PublishBody } from '../schemas/requests.ts'

/** @see https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header */
const HEADER = 'Idempotency-Key'

/** Whose key it is if the hub can't distinguish those who publish. */
const ANYONE = 'anyone'

/**
 * Returns the arguments of `publish` of the hub after the address, as a tuple to spread.
 * @param c - of a credential that was checked: its `subject` owns the key
 * @param header - the key in the header. @defaultValue none
 */
export function publishArgs(
  c: Context,
  body: PublishBody,
  header?: string,
): readonly [EventInput, PublishOptions?] {
  if (header === undefined && body.idempotencyKey === undefined) return [body]
  const { idempotencyKey = header, ...event } = body
  return [event, { idempotencyKey, keyOwner: c.get(SUBJECT) ?? ANYONE }]
}

/** Returns the same for a request with one event, whose key may be in the header. @throws {HTTPException} 400 for an invalid key, or two */
export function publishArgsOfRequest(
  c: Context,
  body: PublishBody,
): readonly [EventInput, PublishOptions?] {
  const text = c.req.header(HEADER)
  if (text === undefined) return publishArgs(c, body)
  const key = idempotencyKeyIn(text)
  if (key === undefined) throw invalid(`The header ${HEADER} ${IDEMPOTENCY_KEY_RULE}.`)
  if (body.idempotencyKey !== undefined) throw invalid(TWO)
  return publishArgs(c, body, key)
}

/** Refuses a key for a whole batch, or an event stream. @throws {HTTPException} 400 */
export function checkNoKey(c: Context, isStream = false): void {
  if (c.req.header(HEADER) !== undefined) throw invalid(isStream ? IN_STREAM : IN_BATCH)
}

function invalid(message: string): HTTPException {
  return new HTTPException(400, { message })
}

const TWO = `The event has two idempotency keys: send the header ${HEADER}, or the field idempotencyKey.`
const IN_BATCH = `The header ${HEADER} can’t be used for several events: send a field idempotencyKey with each of them.`
const IN_STREAM = `The header ${HEADER} can’t be used for an event stream: send it without.`
