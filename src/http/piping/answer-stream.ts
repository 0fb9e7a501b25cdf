/** Publishes an event stream that is the body of a request for one address of a hub. */
import type { Context } from 'hono'
import { type Address, addressKey } from '../../core/address.ts'
import { internalsOf } from '../../hub/internals.ts'
import { ABORT_EVENT_RULE, acceptsAbort } from '../../hub/piping/pipe.ts'
import { type BatchInit, createBatchPublisher } from '../batch/publisher.ts'
import { invalid } from '../middleware/validate.ts'
import { invalidFields } from '../problem.ts'
import { PipeQuery } from '../schemas/pipes.ts'
import { Refused, respondToEvents } from './respond-to-events.ts'

/** The media type of an event stream. */
export const EVENT_STREAM = 'text/event-stream'

/** Responds to a request whose body is an event stream. */
export async function answerStream(
  init: BatchInit,
  c: Context,
  address: Address,
): Promise<Response> {
  const query = PipeQuery.safeParse(pipeQueryOf(c))
  if (!query.success) return invalid(c, 'query', query.error)
  const { hub } = init
  const { clock, events, flushed, producers } = internalsOf(hub)
  const keys = addressKey(address)
  const { onAbort, key } = query.data
  if (events && onAbort !== undefined && !(await acceptsAbort(onAbort, key, events))) {
    return invalidFields(c, 'query', [{ path: 'onAbort', message: ABORT_EVENT_RULE }])
  }
  const publisher = createBatchPublisher(init, c, address)
  return await respondToEvents(c, query.data, {
    clock,
    maxEventBytes: hub.maxEventBytes,
    isClosing: () => hub.closing,
    startTurn: (begin) => {
      const publish = publisher.startTurn()
      return async (event) => {
        const result = await publish(event)
        if ('status' in result) throw new Refused(result)
        producers.last.drop({ keys, event: onAbort, key })
        begin()
        return result.id
      }
    },
    flushed,
    publishLast: (event) => {
      const publish = publisher.startTurn()
      return producers.last.publish({ ...event, keys }, async () => {
        const result = await publish(event)
        return hub.closing || !('status' in result) || result.status !== 503
      })
    },
    resultOf: ({ published, id }) => (id === undefined ? { published } : { published, id }),
    onError: (error) => init.onError(error, c),
    onStart: (end) => producers.add(keys, key, end),
  })
}

/** The query, with a list where a parameter is repeated. */
export function pipeQueryOf(c: Context): Record<string, unknown> {
  const lists = Object.entries(c.req.queries())
  return Object.fromEntries(lists.map(([name, list]) => [name, list.length > 1 ? list : list[0]]))
}
