/** The operations that publish events. */
import { z } from 'zod'
import { NDJSON } from '../batch/respond-to-lines.ts'
import { EVENT_STREAM } from '../piping/answer-stream.ts'
import { Batch, BatchEvent, BatchResult, BatchResults } from '../schemas/batches.ts'
import { PipeQuery, PublishResponse } from '../schemas/pipes.ts'
import {
  ClientParam,
  PublishBody,
  PublishForm,
  PublishHeaders,
  TopicParam,
} from '../schemas/requests.ts'
import { Published } from '../schemas/responses.ts'
import { type Content, content, json, type Operation, type ResponseSpec } from './operation.ts'

/** A body of NDJSON: OpenAPI 3.2 describes each line, 3.1 only the text. */
function lines<Output, Input>(
  item: z.ZodType<Output, Input>,
  ...examples: readonly NoInfer<Input>[]
): Content {
  const example = examples.map((one) => `${JSON.stringify(one)}\n`).join('')
  return { schema: z.string(), item, example }
}

const EVENT = { data: { unread: 3 }, event: 'inbox' }

const event = {
  'application/json': content(PublishBody, EVENT),
  'text/plain': content(z.string(), 'hello'),
  'application/x-www-form-urlencoded': content(PublishForm, { data: 'hello' }),
  [NDJSON]: lines(PublishBody, { data: 'hello' }, EVENT, { data: 3, key: 'ACME', retain: true }),
  [EVENT_STREAM]: content(z.string(), 'data: Once\n\ndata:  upon\n\n'),
}

const PUBLISHED: Published = { id: 'mwro6j5u0dlj-42', connections: 2 }

const published: ResponseSpec = {
  ...json('The event was published.', Published, PUBLISHED),
  headers: ['RateLimit', 'RateLimit-Policy'],
}

const REFUSED: BatchResult = {
  type: 'about:blank',
  title: 'Forbidden',
  status: 403,
  detail:
    'This credential may not publish to "topic:news": send a publish key, or a token that may.',
}

const answers = lines(BatchResult, PUBLISHED, { line: 2, ...REFUSED })

/** What all operations that publish one event, or several to the same address, have in common. */
const publishing = {
  tag: 'publish',
  permission: 'publish',
  body: event,
  responses: {
    200: {
      ...published,
      description:
        'The event was published; or each line of NDJSON is answered with a line; or an event stream has ended.',
      headers: ['Cache-Control', 'RateLimit', 'RateLimit-Policy'],
      content: {
        'application/json': content(PublishResponse, PUBLISHED),
        [NDJSON]: answers,
      },
    },
  },
  problems: [408, 413, 415, 422, 429, 501],
} as const

const TO_ALICE: BatchEvent = { to: { client: 'alice' }, ...EVENT }
const TO_SEVERAL: BatchEvent = { to: { client: ['bob', 'carol'], topic: 'news' }, data: 'hello' }

/** `POST /clients/:id` and the others. */
export const PUBLISHING: Readonly<Record<string, Operation>> = {
  'POST /clients/:id': {
    ...publishing,
    id: 'publishToClient',
    summary: 'Publishes to all connections of one client.',
    parameters: { path: ClientParam, query: PipeQuery, header: PublishHeaders },
  },
  'POST /topics/:topic': {
    ...publishing,
    id: 'publishToTopic',
    summary: 'Publishes to all connections that follow a topic, also by a pattern.',
    parameters: { path: TopicParam, query: PipeQuery, header: PublishHeaders },
  },
  'POST /broadcast': {
    ...publishing,
    id: 'broadcast',
    summary: 'Publishes to all connections.',
    parameters: { query: PipeQuery, header: PublishHeaders },
  },
  'POST /publish': {
    ...publishing,
    id: 'publishBatch',
    problems: [408, 413, 415],
    summary: 'Publishes many events, each to its own address.',
    description:
      'The results are in the order of the events. An event that is refused spoils no other. Lines of NDJSON are published and answered while they arrive.',
    body: {
      'application/json': content(Batch, [TO_ALICE, TO_SEVERAL]),
      [NDJSON]: lines(BatchEvent, TO_ALICE, TO_SEVERAL),
    },
    responses: {
      200: {
        description: 'What became of each event.',
        headers: ['Cache-Control'],
        content: {
          'application/json': content(BatchResults, [PUBLISHED, REFUSED]),
          [NDJSON]: answers,
        },
      },
    },
  },
  'POST /ping/:id': {
    id: 'ping',
    tag: 'publish',
    summary: 'Publishes `hello` to one client.',
    permission: 'publish',
    parameters: { path: ClientParam, header: PublishHeaders },
    responses: { 200: published },
    problems: [422, 429, 501],
  },
}
