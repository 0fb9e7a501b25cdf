/** Publishes the lines of a body that is NDJSON, and answers each of them. */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { type Address, MAX_ADDRESSES } from '../../core/address.ts'
import { HubError } from '../../core/errors.ts'
import { internalsOf } from '../../hub/internals.ts'
import { dataTooLarge, maxJsonBytes } from '../middleware/body.ts'
import { decodeUtf8, fromJson, notUtf8 } from '../middleware/readers.ts'
import { type BatchInit, createBatchPublisher } from './publisher.ts'
import { respondToLines } from './respond-to-lines.ts'

/** The maximum number of bytes of the names of an event's recipients in JSON. They hardly ever take more: each character may have four. */
const MAX_RECIPIENTS_BYTES = MAX_ADDRESSES * 4 * 128

/** The maximum number of bytes of an event as JSON, with its recipients. */
export function maxLineBytes(maxEventBytes: number): number {
  return maxJsonBytes(maxEventBytes) + MAX_RECIPIENTS_BYTES
}

/** Responds to a request whose body is NDJSON. @param address - whom all events are for. @defaultValue each of them says so */
export async function answerLines(
  init: BatchInit,
  c: Context,
  address?: Address,
): Promise<Response> {
  const { hub } = init
  const { maxEventBytes } = hub
  const { clock, flushed } = internalsOf(hub)
  const { publishAll } = createBatchPublisher(init, c, address)
  return await respondToLines(c, {
    maxLineBytes: (address === undefined ? maxLineBytes : maxJsonBytes)(maxEventBytes),
    publishAll: (lines) => publishAll(lines, ({ bytes }) => parse(bytes, maxEventBytes)),
    flushed,
    clock,
    isClosing: () => hub.closing,
  })
}

/** @throws {HTTPException} @throws {HubError} `event-too-large` */
function parse(bytes: Uint8Array | undefined, maxEventBytes: number): unknown {
  if (!bytes) throw new HubError('event-too-large', dataTooLarge(maxEventBytes))
  const text = decodeUtf8(bytes)
  if (text === undefined) throw new HTTPException(400, { message: notUtf8('line') })
  return fromJson(text, 'line')
}
