/** The client of a hub, for pages and programs: `hono-sse/client`. */

export type { EventSchema, EventSchemas } from '../core/declared-events.ts'
export type { ClientOptions, ClientStream } from './client-stream.ts'
export { connect } from './connect.ts'
export { typed } from './event-schema.ts'
export type {
  ClientStatus,
  EndedReason,
  Gap,
  ReceivedEvent,
  RequestOptions,
  ResumeKind,
  TicketRequest,
} from './stream-types.ts'
