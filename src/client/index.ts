/** The client of a hub, for pages and programs: `hono-sse/client`. */

export { type ClientOptions, type ClientStream, connect } from './connect.ts'
export { type EventSchema, type EventSchemas, typed } from './event-schema.ts'
export type {
  ClientStatus,
  EndedReason,
  Gap,
  ReceivedEvent,
  RequestOptions,
  ResumeKind,
  TicketRequest,
} from './stream-types.ts'
