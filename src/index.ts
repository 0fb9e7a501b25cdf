/** Everything that a host of the library uses. */

export type { Address } from './core/address.ts'
export { type Clock, systemClock } from './core/clock.ts'
export type { ByeReason, GapReason } from './core/control-events.ts'
export type { Place } from './core/cursor.ts'
export { HubError, type HubErrorCode } from './core/errors.ts'
export type { EventInput, HubEvent } from './core/event.ts'
export { type AppOptions, type AppType, createApp } from './http/app.ts'
export {
  type Access,
  type AccessOptions,
  createAccess,
  type Issuer,
  type Listening,
  type Wanted,
} from './http/auth/authorizer.ts'
export type { Names, Rights } from './http/auth/permissions.ts'
export {
  createTickets,
  type Grant,
  type TicketNote,
  type TicketOptions,
  type Tickets,
} from './http/auth/tickets.ts'
export { createTokens, type TokenOptions, type Tokens } from './http/auth/tokens.ts'
export { createPage } from './http/dashboard.ts'
export type { Issue, Problem } from './http/problem.ts'
export { type OpenStream, portableStream, type StreamOptions, streamEvents } from './http/stream.ts'
export { readableStream } from './http/web-stream.ts'
export type { Connection, EventStream, Trace } from './hub/connection.ts'
export { type ConnectOptions, createHub, type Hub } from './hub/hub.ts'
export type { Histogram, HubStats, Tally } from './hub/metrics.ts'
export type {
  EndReason,
  HubObserver,
  HubOptions,
  RefusalReason,
  TurnedAwayReason,
} from './hub/options.ts'
export type { ClientRow, ConnectionRow, Listing, Presence } from './hub/presence.ts'
export type { Receipt } from './hub/press.ts'
export type {
  Awaitable,
  Delivery,
  Entry,
  Journal,
  JournalFigures,
  Page,
  Reach,
  Receiver,
} from './journal/journal.ts'
export { createMemoryJournal, type MemoryJournalOptions } from './journal/memory/journal.ts'
