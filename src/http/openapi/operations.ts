/** The operations, by method and path. Every route of the app has one entry. */
import { z } from 'zod'
import { schemaMetadata } from '../schemas/metadata.ts'
import { Stopped, StopQuery } from '../schemas/pipes.ts'
import {
  ClientParam,
  DisconnectQuery,
  FollowedParam,
  ListQuery,
  StreamQuery,
  TicketBody,
  TopicParam,
} from '../schemas/requests.ts'
import {
  ClientConnections,
  Clients,
  Disconnected,
  IssuedTicket,
  TopicConnections,
  Topics,
} from '../schemas/responses.ts'
import { TopicRetained } from '../schemas/retained.ts'
import { ABOUT } from './about.ts'
import { content, json, type Operation, text } from './operation.ts'
import { LIMITED } from './parts.ts'
import { PUBLISHING } from './publishing.ts'

const SINCE = '2026-11-22T09:00:00.000Z'
const CONNECTION = {
  connection: 'c-7',
  client: 'alice',
  topics: ['news'],
  since: SINCE,
  queuedBytes: 0,
  queuedEvents: 0,
  cursor: 'mwro6j5u0dlj-42',
  opener: 'native',
  remoteAddress: '192.0.2.1',
  requestId: '3c4a5e0c-8f0e-4b43-9c77-0b5f7f3d1a52',
}

const STREAM = `retry: 2000
event: hub:ready
data: {"client":"alice","connection":"c-7","topics":["news"],"resume":"gap","heartbeatMs":15000}

event: hub:gap
data: {"requested":"mwro6j5u0dlj-7","earliest":"mwro6j5u0dlj-41","reason":"evicted"}

id: mwro6j5u0dlj-41
: topic news
data: hello

id: mwro6j5u0dlj-42
event: inbox
data: {"unread":3}

id: mwro6j5u0dlj-42
event: hub:beat
data: 15

retry: 3117
event: hub:bye
data: {"reason":"lifetime"}

`

const StreamHeaders = z.object({
  'Last-Event-ID': z.string().optional().register(schemaMetadata, {
    description:
      'The cursor to resume from: the id of the last event received. An EventSource sends it.',
  }),
})

/** All operations: `GET /clients/:id` → what it does. */
export const operations: Readonly<Record<string, Operation>> = {
  'GET /sse': {
    id: 'listen',
    tag: 'listen',
    summary: 'Opens a stream of server-sent events.',
    description:
      'If the stream can’t be opened now, the response is 200 with `hub:bye`, and it ends: at any other status, an EventSource would stop reconnecting. The schema `StreamEvent` describes the events of a stream.',
    permission: 'listen',
    parameters: { query: StreamQuery, header: StreamHeaders },
    responses: {
      200: {
        ...text('The stream.', 'text/event-stream', z.string(), STREAM),
        headers: ['Cache-Control', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'Set-Cookie'],
      },
      204: {
        description: 'The client is temporarily blocked. An EventSource stops reconnecting.',
        headers: ['Cache-Control', 'RateLimit', 'RateLimit-Policy'],
      },
    },
  },
  ...PUBLISHING,
  'GET /clients': {
    id: 'listClients',
    tag: 'operate',
    summary: 'Lists the connected clients.',
    permission: 'operate',
    parameters: { query: ListQuery },
    responses: {
      200: json('The clients, longest connected first.', Clients, {
        clients: [{ client: 'alice', connections: 2, since: SINCE, queuedBytes: 0 }],
        total: 1,
      }),
    },
  },
  'GET /clients/:id': {
    id: 'showClient',
    tag: 'operate',
    summary: 'Lists the connections of one client.',
    permission: 'operate',
    parameters: { path: ClientParam },
    responses: {
      200: json(
        'The connections, longest connected first. The list is empty when the client is not connected.',
        ClientConnections,
        {
          client: 'alice',
          connections: [CONNECTION],
          total: 1,
        },
      ),
    },
  },
  'DELETE /clients/:id': {
    id: 'disconnect',
    tag: 'operate',
    summary: 'Ends all connections of a client and can block it.',
    permission: 'operate',
    parameters: { path: ClientParam, query: DisconnectQuery },
    responses: {
      200: json('The client is disconnected.', Disconnected, {
        disconnected: 2,
        blockedSeconds: 3_600,
      }),
      202: json(
        'Some instances have not responded. They disconnect the client as soon as they reach Redis again.',
        Disconnected,
        { disconnected: 1, blockedSeconds: 3_600, asked: 3, answered: 2 },
      ),
    },
  },
  'POST /clients/:id/stop': {
    id: 'stop',
    tag: 'publish',
    summary: 'Ends the event streams that are published to a client under a key.',
    description:
      'For the client itself, with a ticket or a token, and for whoever may publish to it. The publisher’s request ends, and with it what the publisher reads from.',
    permission: 'listen',
    parameters: { path: ClientParam, query: StopQuery },
    responses: {
      200: { ...json('They are ended.', Stopped, { stopped: 1 }), headers: LIMITED },
      202: {
        ...json('Some instances have not responded.', Stopped, {
          stopped: 0,
          asked: 3,
          answered: 2,
        }),
        headers: LIMITED,
      },
    },
    problems: [429],
  },
  'GET /topics': {
    id: 'listTopics',
    tag: 'operate',
    summary: 'Lists the topics and patterns that connections follow.',
    permission: 'operate',
    parameters: { query: ListQuery },
    responses: {
      200: json('The topics, in alphabetical order.', Topics, {
        topics: [{ topic: 'news', connections: 2 }],
        total: 1,
      }),
    },
  },
  'GET /topics/:topic': {
    id: 'showTopic',
    tag: 'operate',
    summary:
      'Lists the connections that follow a topic, also by a pattern, or those that follow a pattern.',
    permission: 'operate',
    parameters: { path: FollowedParam, query: ListQuery },
    responses: {
      200: json('The connections, longest connected first.', TopicConnections, {
        topic: 'news',
        connections: [CONNECTION],
        total: 1,
      }),
    },
  },
  'GET /topics/:topic/retained': {
    id: 'listRetained',
    tag: 'operate',
    summary: 'Lists the retained events of a topic.',
    description: 'A new stream of the topic receives them first. Empty data removes one.',
    permission: 'operate',
    parameters: { path: TopicParam, query: ListQuery },
    responses: {
      200: json('The events, the one that was published first before the others.', TopicRetained, {
        topic: 'prices',
        retained: [{ id: 'mwro6j5u0dlj-42', key: 'ACME', event: 'price', data: '{"price":3}' }],
        complete: true,
      }),
    },
  },
  'POST /tickets': {
    id: 'issueTicket',
    tag: 'listen',
    summary: 'Issues a ticket that lets a page open a stream. For back ends.',
    permission: 'issue',
    body: { 'application/json': content(TicketBody, { client: 'alice', topics: ['news'] }) },
    responses: {
      200: {
        ...json('The ticket.', IssuedTicket, { ticket: 'eyJhbGciOi…', expiresInSeconds: 30 }),
        headers: ['Cache-Control'],
      },
    },
    problems: [413, 415],
  },
  'GET /metrics': {
    id: 'metrics',
    tag: 'operate',
    summary: 'Returns the metrics in the text format of Prometheus.',
    permission: 'metrics',
    responses: { 200: text('The metrics.', 'text/plain', z.string(), 'hono_sse_connections 2\n') },
  },
  ...ABOUT,
}
