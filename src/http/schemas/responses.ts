/** The shape of every answer and of the stream's own events: what the hub says fits these schemas. */
import { z } from 'zod'
import type { ByeReason, Gap as GapData, Ready as ReadyData } from '../../core/control-events.ts'
import type { ClientRow, ConnectionRow } from '../../hub/presence.ts'
import type { Receipt } from '../../hub/press.ts'
import type { Problem as ProblemData } from '../problem.ts'
import { notes } from './metadata.ts'

const text = (description: string) => z.string().register(notes, { description })
const maybe = (description: string) => text(description).optional()
const count = (description: string) => z.int().min(0).register(notes, { description })
const since = z.iso.datetime().register(notes, { description: 'Since when, in UTC.' })
const shard = z.int().min(0).exactOptional().register(notes, {
  description: 'The number of its object, where clients are spread over several.',
})
const topics = z.array(z.string()).register(notes, { description: 'The topics that it follows.' })

/** What became of an event. */
export interface Published extends Receipt {
  /** Instead of `id`, where clients are spread over several objects. */
  readonly ids?: readonly string[]
}

/** What became of an event. */
export const Published: z.ZodType<Published> = z
  .object({
    id: z.string().exactOptional().register(notes, {
      description: 'The event’s id; an ephemeral one has none.',
    }),
    ids: z.array(z.string()).exactOptional().register(notes, {
      description: 'Its ids, one for each object, where clients are spread over several.',
    }),
    connections: count('How many connections it was queued for. None is no error.'),
    instances: z.int().min(0).exactOptional().register(notes, {
      description: 'How many instances had a listener, where several share a journal.',
    }),
  })
  .register(notes, { id: 'Receipt' })

/** A row of the hub, as it is told: with its time as ISO 8601. */
export type Told<Row> = Omit<Row, 'since'> & { readonly since: string; readonly shard?: number }

const Client: z.ZodType<Told<ClientRow>> = z
  .object({
    shard,
    client: text('The client id.'),
    connections: count('How many connections it has.'),
    since,
    queuedBytes: count('Bytes that wait for it.'),
  })
  .register(notes, { id: 'Client', description: 'A client with all its connections.' })

const Connection: z.ZodType<Told<ConnectionRow>> = z
  .object({
    shard,
    connection: text('The connection’s name within its instance.'),
    instance: z.string().exactOptional().register(notes, {
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
  .register(notes, { id: 'Connection', description: 'One open stream.' })

/** `GET /clients` */
export interface Clients {
  readonly clients: readonly Told<ClientRow>[]
  readonly total: number
}

/** `GET /clients` */
export const Clients: z.ZodType<Clients> = z
  .object({ clients: z.array(Client), total: count('How many there are in all.') })
  .register(notes, { id: 'Clients' })

/** `GET /clients/:id` */
export interface ClientConnections {
  readonly client: string
  readonly connections: readonly Told<ConnectionRow>[]
}

/** `GET /clients/:id` */
export const ClientConnections: z.ZodType<ClientConnections> = z
  .object({ client: text('The client id.'), connections: z.array(Connection) })
  .register(notes, { id: 'ClientConnections' })

/** `GET /topics/:topic` */
export interface TopicConnections {
  readonly topic: string
  readonly connections: readonly Told<ConnectionRow>[]
  readonly total: number
}

/** `GET /topics/:topic` */
export const TopicConnections: z.ZodType<TopicConnections> = z
  .object({
    topic: text('The topic.'),
    connections: z.array(Connection),
    total: count('How many there are in all.'),
  })
  .register(notes, { id: 'TopicConnections' })

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
  .register(notes, { id: 'Disconnected' })

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
  .register(notes, { id: 'Ticket' })

/** Every answer that is an error. */
export const Problem: z.ZodType<ProblemData> = z
  .object({
    type: z.literal('about:blank'),
    title: text('The status in words.'),
    status: z.int().min(400).max(599).register(notes, { description: 'The status.' }),
    detail: text('What is wrong, and what to do.'),
    issues: z
      .array(z.object({ path: text('Where: `query.id`, `json.event`.'), message: z.string() }))
      .exactOptional()
      .register(notes, { description: 'Everything that is wrong with the request.' }),
  })
  .register(notes, { id: 'Problem', description: 'RFC 9457.' })

/** The data of `hub:ready`. */
export const Ready: z.ZodType<ReadyData> = z
  .object({
    client: text('The client id.'),
    connection: text('The connection’s name within its instance.'),
    topics,
    resume: z.enum(['fresh', 'complete', 'gap']),
  })
  .register(notes, { id: 'Ready', description: 'The data of `hub:ready`, which comes first.' })

/** The data of `hub:gap`. */
export const Gap: z.ZodType<GapData> = z
  .object({
    requested: text('The cursor that came.'),
    earliest: z.string().nullable().register(notes, {
      description: 'The first event that can still be had.',
    }),
    reason: z.enum(['epoch', 'evicted']),
  })
  .register(notes, { id: 'Gap', description: 'The data of `hub:gap`: events are lost.' })

/** The data of `hub:bye`. */
export const Bye: z.ZodType<{ readonly reason: ByeReason }> = z
  .object({
    reason: z.enum(['shutdown', 'slow', 'expired', 'disconnected', 'at-capacity', 'lifetime']),
  })
  .register(notes, { id: 'Bye', description: 'The data of `hub:bye`: the hub ends the stream.' })
