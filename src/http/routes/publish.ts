/** Routes that validate events and publish them: to one client, to a topic, or to everyone, or each to its own address. */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { BlankEnv } from 'hono/types'
import type { z } from 'zod'
import type { Address } from '../../core/address.ts'
import type { AnyEvents, EventOf } from '../../core/declared-events.ts'
import { answerArray, MAX_BATCH_BYTES } from '../batch/answer-array.ts'
import { answerLines } from '../batch/answer-lines.ts'
import type { BatchInit } from '../batch/publisher.ts'
import { NDJSON } from '../batch/respond-to-lines.ts'
import { checkNoKey, publishArgsOfRequest } from '../idempotency/publish-args.ts'
import { requirePublish } from '../middleware/authorize.ts'
import { bodyTypeOf, eventBody, jsonBody, maxJsonBytes } from '../middleware/body.ts'
import { noFieldsInQuery } from '../middleware/query.ts'
import { valid } from '../middleware/validate.ts'
import { answerStream, EVENT_STREAM } from '../piping/answer-stream.ts'
import { type BatchResult, type Recipients, UncheckedBatch } from '../schemas/batches.ts'
import { ClientParam, type PublishBody, TopicParam } from '../schemas/requests.ts'
import type { Published } from '../schemas/responses.ts'
import { asRoutes, type JsonRoute, jsonResponse } from './types.ts'

/** What the publish routes require. */
export interface PublishRoutesInit extends BatchInit {
  /** The maximum number of events of a batch in JSON. */
  readonly maxBatchEvents: number
}

type ToClient = { param: z.input<typeof ClientParam> }
type ToTopic = { param: z.input<typeof TopicParam> }
type Keyed = { readonly idempotencyKey?: string | undefined }
type AnEvent<Events extends object> = { json: EventOf<Events> & Keyed }
type SomeEvents<Events extends object> = {
  json: readonly (EventOf<Events> & Keyed & { readonly to: Recipients })[]
}

/** The types of the publish routes. */
export type PublishRoutes<Events extends object = AnyEvents> = {
  '/ping/:id': { $post: JsonRoute<ToClient, Published> }
  '/clients/:id': { $post: JsonRoute<ToClient & AnEvent<Events>, Published> }
  '/topics/:topic': { $post: JsonRoute<ToTopic & AnEvent<Events>, Published> }
  '/broadcast': { $post: JsonRoute<AnEvent<Events>, Published> }
  '/publish': { $post: JsonRoute<SomeEvents<Events>, BatchResult[]> }
}

/** Creates the publish routes. */
export function publishRoutes(options: PublishRoutesInit): Hono<BlankEnv, PublishRoutes> {
  const { hub, access, limit, maxBatchEvents } = options
  const body = eventBody(hub.maxEventBytes)
  const client = valid('param', ClientParam)
  const topic = valid('param', TopicParam)
  const clientIn = (c: Context) => ({ client: c.req.param('id') ?? '' })
  const topicIn = (c: Context) => ({ topic: c.req.param('topic') ?? '' })
  const toClient = requirePublish(access, clientIn)
  const toTopic = requirePublish(access, topicIn)
  const toEveryone = requirePublish(access, () => 'everyone')
  const array = jsonBody(UncheckedBatch, {
    maxBytes: Math.max(MAX_BATCH_BYTES, maxJsonBytes(hub.maxEventBytes)),
    unsupported: `Send application/json [{"to": …, "data": …}, …], or ${NDJSON} with an event in each line, in UTF-8 and without Content-Encoding.`,
  })
  const app = new Hono()
    .post('/ping/:id', client, toClient, limit, (c) =>
      send(c, { client: c.req.valid('param').id }, { data: 'hello' }),
    )
    .post('/clients/:id', client, toClient, noFieldsInQuery, lines(clientIn), limit, body, (c) =>
      send(c, { client: c.req.valid('param').id }, c.req.valid('json')),
    )
    .post('/topics/:topic', topic, toTopic, noFieldsInQuery, lines(topicIn), limit, body, (c) =>
      send(c, { topic: c.req.valid('param').topic }, c.req.valid('json')),
    )
    .post(
      '/broadcast',
      toEveryone,
      noFieldsInQuery,
      lines(() => 'everyone'),
      limit,
      body,
      (c) => send(c, 'everyone', c.req.valid('json')),
    )
    .post('/publish', toSomewhere, noFieldsInQuery, lines(), array, (c) => {
      checkNoKey(c)
      return answerArray(options, c, c.req.valid('json'), maxBatchEvents)
    })
  return asRoutes(app)

  async function send(c: Context, address: Address, body: PublishBody) {
    return jsonResponse<Published>(c, await hub.publish(address, ...publishArgsOfRequest(c, body)))
  }

  /** Handles bodies of many events, each of which counts by itself: NDJSON, and for one address an event stream. */
  function lines(addressOf: (c: Context) => Address | undefined = () => undefined) {
    const middleware: MiddlewareHandler = (c, next) => {
      const type = bodyTypeOf(c.req.raw)
      const address = addressOf(c)
      const isStream = type === EVENT_STREAM && address !== undefined
      if (type !== NDJSON && !isStream) return next()
      checkNoKey(c, isStream)
      return isStream ? answerStream(options, c, address) : answerLines(options, c, address)
    }
    return middleware
  }

  /** Requires a valid credential. What it permits is checked for each event. */
  async function toSomewhere(c: Context, next: () => Promise<void>): Promise<void> {
    try {
      await access?.publish(c, 'everyone')
    } catch (error) {
      if (!(error instanceof HTTPException && error.status === 403)) throw error
    }
    await next()
  }
}
