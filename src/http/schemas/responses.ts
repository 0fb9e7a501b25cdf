/** The schemas of all responses and of the hub's own events. */
import { z } from 'zod'
import type {
  ByeReason,
  GapEvent as GapData,
  ReadyEvent as ReadyData,
} from '../../core/control-events.ts'
import type { Coverage } from '../../hub/cluster.ts'
import type { PublishResult } from '../../hub/delivery.ts'
import type { ClientSummary, ConnectionSummary, TopicSummary } from '../../hub/presence.ts'
import type { Problem as ProblemData } from '../problem.ts'
import { schemaMetadata } from './metadata.ts'

const text = (description: string) => z.string().register(schemaMetadata, { description })
const maybe = (description: string) => text(description).optional()
const count = (description: string) => z.int().min(0).register(schemaMetadata, { description })
const since = z.iso
  .datetime()
  .register(schemaMetadata, { description: 'When it connected, in UTC.' })
const shard = z.int().min(0).exactOptional().register(schemaMetadata, {
  description: 'The number of its shard, if the clients are sharded.',
})
const topics = z
  .array(z.string())
  .register(schemaMetadata, { description: 'The topics and patterns that the stream follows.' })

/** The result of publishing. */
export interface Published extends PublishResult {
  /** Replaces `id` if the clients are sharded: one id for each shard. */
  readonly ids?: readonly string[]
}

/** The result of publishing. */
export const Published: z.ZodType<Published> = z
  .object({
    id: z.string().exactOptional().register(schemaMetadata, {
      description: 'The event’s id. Ephemeral events have none.',
    }),
    ids: z.array(z.string()).exactOptional().register(schemaMetadata, {
      description: 'Replaces `id` if the clients are sharded: one id for each shard.',
    }),
    connections: count(
      'The number of connections that the event was queued for. Zero is not an error. If several instances share the journal, those of the instance that responded, not of all; with `WORKERS` and without Redis, those of all workers.',
    ),
    instances: z.int().min(0).exactOptional().register(schemaMetadata, {
      description: 'The number of instances that had a listener, if several share the journal.',
    }),
  })
  .register(schemaMetadata, { id: 'PublishResult' })

/** A row of a listing, with its time in ISO 8601, and without the host's own data. */
export type Listed<Row> = Omit<Row, 'since' | 'context'> & {
  readonly since: string
  readonly shard?: number
}

const Client: z.ZodType<Listed<ClientSummary>> = z
  .object({
    shard,
    client: text('The client id.'),
    connections: count('The number of connections of the client.'),
    since,
    queuedBytes: count('Bytes queued for all its connections.'),
  })
  .register(schemaMetadata, { id: 'Client', description: 'A client with all its connections.' })

const Connection: z.ZodType<Listed<ConnectionSummary>> = z
  .object({
    shard,
    connection: text('The connection’s id within its instance.'),
    instance: z.string().exactOptional().register(schemaMetadata, {
      description: 'The instance that it is connected to, if several share the journal.',
    }),
    client: text('The client id.'),
    topics,
    since,
    queuedBytes: count('Bytes queued for the connection.'),
    queuedEvents: count('Events queued for the connection, including the hub’s own.'),
    cursor: maybe('The cursor: the id of the last event that was queued for the connection.'),
    opener: maybe('How the stream was opened: `native` or `portable`.'),
    remoteAddress: maybe('The remote address of the request.'),
    requestId: maybe('The id of the request in the log.'),
  })
  .register(schemaMetadata, { id: 'Connection', description: 'One open stream.' })

const total = count(
  'The total number. The list may be shorter: it ends at its limit, or at 1 MB per instance.',
)

/** Of what all instances are asked for. */
export const coverage: Readonly<Record<'asked' | 'answered', z.ZodExactOptional<z.ZodInt>>> = {
  asked: z.int().min(0).exactOptional().register(schemaMetadata, {
    description: 'The number of instances that may be alive, if several share the journal.',
  }),
  answered: z.int().min(0).exactOptional().register(schemaMetadata, {
    description:
      'The number of instances that have responded. If it is smaller than `asked`, the result is incomplete.',
  }),
}

/** `GET /clients` */
export interface Clients extends Coverage {
  readonly clients: readonly Listed<ClientSummary>[]
  readonly total: number
}

/** `GET /clients` */
export const Clients: z.ZodType<Clients> = z
  .object({ clients: z.array(Client), total, ...coverage })
  .register(schemaMetadata, { id: 'Clients' })

/** `GET /clients/:id` */
export interface ClientConnections extends Coverage {
  readonly client: string
  readonly connections: readonly Listed<ConnectionSummary>[]
  readonly total: number
}

/** `GET /clients/:id` */
export const ClientConnections: z.ZodType<ClientConnections> = z
  .object({
    client: text('The client id.'),
    connections: z.array(Connection),
    total,
    ...coverage,
  })
  .register(schemaMetadata, { id: 'ClientConnections' })

/** `GET /topics` */
export interface Topics extends Coverage {
  readonly topics: readonly TopicSummary[]
  readonly total: number
}

const Topic: z.ZodType<TopicSummary> = z
  .object({
    topic: text('The topic, or the pattern.'),
    connections: count('The number of connections that follow it, and no pattern that covers it.'),
  })
  .register(schemaMetadata, { id: 'Topic', description: 'A topic or pattern with followers.' })

/** `GET /topics` */
export const Topics: z.ZodType<Topics> = z
  .object({ topics: z.array(Topic), total, ...coverage })
  .register(schemaMetadata, { id: 'Topics' })

/** `GET /topics/:topic` */
export interface TopicConnections extends Coverage {
  readonly topic: string
  readonly connections: readonly Listed<ConnectionSummary>[]
  readonly total: number
}

/** `GET /topics/:topic` */
export const TopicConnections: z.ZodType<TopicConnections> = z
  .object({
    topic: text('The topic, or the pattern.'),
    connections: z.array(Connection),
    total,
    ...coverage,
  })
  .register(schemaMetadata, { id: 'TopicConnections' })

/** `DELETE /clients/:id` */
export interface Disconnected extends Coverage {
  readonly disconnected: number
  readonly blockedSeconds: number
}

/** `DELETE /clients/:id` */
export const Disconnected: z.ZodType<Disconnected> = z
  .object({
    disconnected: count('The number of connections that were closed.'),
    blockedSeconds: count('Seconds for which the client is refused.'),
    ...coverage,
  })
  .register(schemaMetadata, { id: 'Disconnected' })

/** `POST /tickets` */
export interface IssuedTicket {
  readonly ticket: string
  readonly expiresInSeconds: number
}

/** `POST /tickets` */
export const IssuedTicket: z.ZodType<IssuedTicket> = z
  .object({
    ticket: text('For `GET /sse?ticket=`. It opens one stream.'),
    expiresInSeconds: count(
      'Seconds within which the ticket must be redeemed, unless the token that has issued it expires before.',
    ),
  })
  .register(schemaMetadata, { id: 'Ticket' })

/** The body of every error response. */
export const ProblemSchema: z.ZodType<ProblemData> = z
  .object({
    type: z.literal('about:blank'),
    title: text('The name of the status.'),
    status: z.int().min(400).max(599).register(schemaMetadata, { description: 'The HTTP status.' }),
    detail: text('What is wrong, and what to do.'),
    issues: z
      .array(
        z.object({ path: text('Where it is: `query.id`, `json.event`.'), message: z.string() }),
      )
      .exactOptional()
      .register(schemaMetadata, { description: 'Every invalid field of the request.' }),
    code: maybe('For programs: which error of the hub it is, such as `at-capacity`.'),
  })
  .register(schemaMetadata, { id: 'Problem', description: 'Problem details (RFC 9457).' })

/** The data of `hub:ready`. */
export const ReadySchema: z.ZodType<ReadyData> = z
  .object({
    client: text('The client id.'),
    connection: text('The connection’s id within its instance.'),
    topics,
    resume: z.enum(['fresh', 'complete', 'gap']),
    heartbeatMs: z.number().register(schemaMetadata, {
      description: 'Milliseconds between two `hub:beat`.',
    }),
  })
  .register(schemaMetadata, {
    id: 'Ready',
    description: 'The data of `hub:ready`, the first event of every stream that the hub opens.',
  })

/** The data of `hub:gap`. */
export const GapSchema: z.ZodType<GapData> = z
  .object({
    requested: text('The cursor that the client sent.'),
    earliest: z.string().nullable().register(schemaMetadata, {
      description: 'The id of the first event that can still be replayed; null if there is none.',
    }),
    reason: z.enum(['epoch', 'evicted']),
  })
  .register(schemaMetadata, {
    id: 'Gap',
    description: 'The data of `hub:gap`: the client missed events that can’t be replayed.',
  })

/** The data of `hub:bye`. */
export const ByeSchema: z.ZodType<{ readonly reason: ByeReason }> = z
  .object({
    reason: z.enum(['shutdown', 'slow', 'expired', 'disconnected', 'at-capacity', 'lifetime']),
  })
  .register(schemaMetadata, {
    id: 'Bye',
    description: 'The data of `hub:bye`: why the hub ends the stream.',
  })
