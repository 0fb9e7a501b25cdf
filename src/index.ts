/** Everything that a host of the library uses. */
export {
  type Access,
  type AccessOptions,
  createAccess,
  type Issuer,
  type Listening,
  type Wanted,
} from './http/access/access.ts'
export type { Names, Rights } from './http/access/rights.ts'
export {
  createTickets,
  type Grant,
  type TicketNote,
  type TicketOptions,
  type Tickets,
} from './http/access/tickets.ts'
export { createTokens, type TokenOptions, type Tokens } from './http/access/tokens.ts'
export { type AppOptions, type AppType, createApp } from './http/app.ts'
export { createPage } from './http/page.ts'
export type { Issue, Problem } from './http/problem.ts'
export { type OpenStream, portableStream, type StreamOptions, streamEvents } from './http/stream.ts'
export type { Address } from './hub/address.ts'
export { type Clock, systemClock } from './hub/clock.ts'
export type { Connection, EventStream, Trace } from './hub/connection.ts'
export { HubError, type HubErrorCode } from './hub/errors.ts'
export type { EventInput, HubEvent } from './hub/event.ts'
export type { ByeReason, GapReason } from './hub/frames.ts'
export { type ConnectOptions, createHub, type Hub } from './hub/hub.ts'
export type {
  Awaitable,
  Delivery,
  Entry,
  Journal,
  JournalFigures,
  Page,
  Place,
  Reach,
  Receiver,
} from './hub/journal.ts'
export { createMemoryJournal, type MemoryJournalOptions } from './hub/memory.ts'
export type {
  EndReason,
  HubObserver,
  HubOptions,
  RefusalReason,
  TurnedAwayReason,
} from './hub/options.ts'
export type { ClientRow, ConnectionRow, Listing, Presence } from './hub/presence.ts'
export type { Receipt } from './hub/press.ts'
export type { HubStats } from './hub/stats.ts'
export type { Histogram, Tally } from './hub/tally.ts'
export { readableStream } from './streams/readable.ts'
