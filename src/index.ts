/** The library: everything that an app imports from `hono-sse`. */

export type { Address, AddressKind } from './core/address.ts'
export { type Clock, systemClock } from './core/clock.ts'
export type { ByeReason, GapReason, Resume } from './core/control-events.ts'
export type { Position } from './core/cursor.ts'
export { HubError, type HubErrorCode } from './core/errors.ts'
export type { EventInput, HubEvent } from './core/event.ts'
export type { EventStream } from './core/event-stream.ts'
export { type AppOptions, type AppType, createApp } from './http/app.ts'
export { type AccessOptions, createAccess } from './http/auth/access.ts'
export type { Access, StreamGrant, StreamRequest, TicketIssuer } from './http/auth/authorizer.ts'
export type { Login, LoginGrant } from './http/auth/login.ts'
export type { Scope } from './http/auth/permissions.ts'
export type { Grant, TicketOptions } from './http/auth/tickets.ts'
export type { JwtOptions } from './http/auth/tokens.ts'
export { createClientScript } from './http/client-script.ts'
export { createDashboard } from './http/dashboard.ts'
export { createLimits, type Limits, type RateLimitOptions } from './http/middleware/rate-limit.ts'
export type { Issue, Problem } from './http/problem.ts'
export { type OpenStream, portableStream, type StreamOptions, streamEvents } from './http/stream.ts'
export { webStream } from './http/web-stream.ts'
export type { Coverage, DisconnectResult } from './hub/cluster.ts'
export type { Connection, ConnectionInfo } from './hub/connection.ts'
export type { PublishResult } from './hub/delivery.ts'
export { type ConnectOptions, createHub, type Hub } from './hub/hub.ts'
export type { Histogram, HubMetrics, HubStats } from './hub/metrics.ts'
export type {
  ClientOverflow,
  EndReason,
  HubObserver,
  HubOptions,
  RefusalReason,
  RejectionReason,
} from './hub/options.ts'
export type { ClientSummary, ConnectionSummary, Listing } from './hub/presence.ts'
export type { Backplane, RelayResult } from './journal/backplane.ts'
export type {
  AppendResult,
  Awaitable,
  DeliveredEvent,
  Journal,
  JournalEntry,
  JournalHandler,
  JournalStats,
  ReplayBatch,
} from './journal/journal.ts'
export { createMemoryJournal, type MemoryJournalOptions } from './journal/memory/journal.ts'
