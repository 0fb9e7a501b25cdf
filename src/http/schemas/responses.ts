/** The shape of every answer and of the stream's own events: what the hub says fits these schemas. */
import { z } from 'zod'
import type {
  ByeReason,
  GapEvent as GapData,
  ReadyEvent as ReadyData,
} from '../../core/control-events.ts'
import type { PublishResult } from '../../hub/delivery.ts'
import type { ClientSummary, ConnectionSummary } from '../../hub/presence.ts'
import type { Problem as ProblemData } from '../problem.ts'
import { schemaMetadata } from './metadata.ts'

const text = (description: string) => z.string().register(schemaMetadata, { description })
const maybe = (description: string) => text(description).optional()
const count = (description: string) => z.int().min(0).register(schemaMetadata, { description })
const since = z.iso.datetime().register(schemaMetadata, { description: 'Since when, in UTC.' })
const shard = z.int().min(0).exactOptional().register(schemaMetadata, {
  description: 'The number of its object, where clients are spread over several.',
})
const topics = z
  .array(z.string())
  .register(schemaMetadata, { description: 'The topics that it follows.' })

/** What became of an event. */
export interface Published extends PublishResult {
  /** Instead of `id`, where clients are spread over several objects. */
  readonly ids?: readonly string[]
}

/** What became of an event. */
export const Published: z.ZodType<Published> = z
  .object({
    id: z.string().exactOptional().register(schemaMetadata, {
      description: 'The event’s id; an ephemeral one has none.',
    }),
    ids: z.array(z.string()).exactOptional().register(schemaMetadata, {
      description: 'Its ids, one for each object, where clients are spread over several.',
    }),
    connections: count('How many connections it was queued for. None is no error.'),
    instances: z.int().min(0).exactOptional().register(schemaMetadata, {
      description: 'How many instances had a listener, where several share a journal.',
    }),
  })
  .register(schemaMetadata, { id: 'Receipt' })

/** A row of the hub, as it is told: with its time as ISO 8601. */
export type Listed<Row> = Omit<Row, 'since'> & { readonly since: string; readonly shard?: number }

const Client: z.ZodType<Listed<ClientSummary>> = z
  .object({
    shard,
    client: text('The client id.'),
    connections: count('How many connections it has.'),
    since,
    queuedBytes: count('Bytes that wait for it.'),
  })
  .register(schemaMetadata, { id: 'Client', description: 'A client with all its connections.' })

const Connection: z.ZodType<Listed<ConnectionSummary>> = z
  .object({
    shard,
    connection: text('The connection’s name within its instance.'),
    instance: z.string().exactOptional().register(schemaMetadata, {
      description: 'Which instance holds it, where several share a journal.',
    }),
    client: text('The client id.'),
    topics,
    since,
    queuedBytes: count('Bytes that wait for it.'),
    queuedEvents: count('Events that wait for it, the hub’s own included.'),
    cursor: maybe('Where it stands: the id of the last event that it was given.'),
    opener: maybe('How its stream was opened.'),
    remoteAddress: maybe('Where its request came from.'),
    requestId: maybe('What its request is called in the log.'),
  })
  .register(schemaMetadata, { id: 'Connection', description: 'One open stream.' })

/** `GET /clients` */
export interface Clients {
  readonly clients: readonly Listed<ClientSummary>[]
  readonly total: number
}

/** `GET /clients` */
export const Clients: z.ZodType<Clients> = z
  .object({ clients: z.array(Client), total: count('How many there are in all.') })
  .register(schemaMetadata, { id: 'Clients' })

/** `GET /clients/:id` */
export interface ClientConnections {
  readonly client: string
  readonly connections: readonly Listed<ConnectionSummary>[]
}

/** `GET /clients/:id` */
export const ClientConnections: z.ZodType<ClientConnections> = z
  .object({ client: text('The client id.'), connections: z.array(Connection) })
  .register(schemaMetadata, { id: 'ClientConnections' })

/** `GET /topics/:topic` */
export interface TopicConnections {
  readonly topic: string
  readonly connections: readonly Listed<ConnectionSummary>[]
  readonly total: number
}

/** `GET /topics/:topic` */
export const TopicConnections: z.ZodType<TopicConnections> = z
  .object({
    topic: text('The topic.'),
    connections: z.array(Connection),
    total: count('How many there are in all.'),
  })
  .register(schemaMetadata, { id: 'TopicConnections' })

/** `DELETE /clients/:id` */
export interface Disconnected {
  readonly disconnected: number
  readonly blockedSeconds: number
}

/** `DELETE /clients/:id` */
export const Disconnected: z.ZodType<Disconnected> = z
  .object({
    disconnected: count('How many connections there were.'),
    blockedSeconds: count('How long the client is kept away.'),
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
    expiresInSeconds: count('How soon it must be used.'),
  })
  .register(schemaMetadata, { id: 'Ticket' })

/** Every answer that is an error. */
export const ProblemSchema: z.ZodType<ProblemData> = z
  .object({
    type: z.literal('about:blank'),
    title: text('The status in words.'),
    status: z.int().min(400).max(599).register(schemaMetadata, { description: 'The status.' }),
    detail: text('What is wrong, and what to do.'),
    issues: z
      .array(z.object({ path: text('Where: `query.id`, `json.event`.'), message: z.string() }))
      .exactOptional()
      .register(schemaMetadata, { description: 'Everything that is wrong with the request.' }),
  })
  .register(schemaMetadata, { id: 'Problem', description: 'RFC 9457.' })

/** The data of `hub:ready`. */
export const ReadySchema: z.ZodType<ReadyData> = z
  .object({
    client: text('The client id.'),
    connection: text('The connection’s name within its instance.'),
    topics,
    resume: z.enum(['fresh', 'complete', 'gap']),
  })
  .register(schemaMetadata, {
    id: 'Ready',
    description: 'The data of `hub:ready`, which comes first.',
  })

/** The data of `hub:gap`. */
export const GapSchema: z.ZodType<GapData> = z
  .object({
    requested: text('The cursor that came.'),
    earliest: z.string().nullable().register(schemaMetadata, {
      description: 'The first event that can still be had.',
    }),
    reason: z.enum(['epoch', 'evicted']),
  })
  .register(schemaMetadata, { id: 'Gap', description: 'The data of `hub:gap`: events are lost.' })

/** The data of `hub:bye`. */
export const ByeSchema: z.ZodType<{ readonly reason: ByeReason }> = z
  .object({
    reason: z.enum(['shutdown', 'slow', 'expired', 'disconnected', 'at-capacity', 'lifetime']),
  })
  .register(schemaMetadata, {
    id: 'Bye',
    description: 'The data of `hub:bye`: the hub ends the stream.',
  })
