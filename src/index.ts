/** The library: everything that an app imports from `hono-sse`. */

export type { Address, Addresses, AddressKind } from './core/address.ts'
export { type Clock, systemClock } from './core/clock.ts'
export type { ByeReason, GapEvent, GapReason, Resume } from './core/control-events.ts'
export type { Position } from './core/cursor.ts'
export type {
  AnyEvents,
  EventNamed,
  EventOf,
  EventSchema,
  EventSchemas,
} from './core/declared-events.ts'
export {
  type ErrorDetails,
  HubError,
  type HubErrorCode,
  type Issue,
  isHubError,
} from './core/errors.ts'
export type { EventInput, HubEvent } from './core/event.ts'
export type { EventStream } from './core/event-stream.ts'
export { type AppOptions, type AppRoutes, type AppType, createApp } from './http/app.ts'
export { type AccessOptions, createAccess } from './http/auth/access.ts'
export type { AttemptOptions } from './http/auth/attempts.ts'
export type { Access, StreamGrant, StreamRequest, TicketIssuer } from './http/auth/authorizer.ts'
export type { Login, LoginGrant } from './http/auth/login.ts'
export type { Scope } from './http/auth/permissions.ts'
export type { Grant, TicketOptions } from './http/auth/tickets.ts'
export type { JwtOptions } from './http/auth/tokens.ts'
export { createClientScript } from './http/client-script.ts'
export { createDashboard } from './http/dashboard.ts'
export { createLimits, type Limits, type RateLimitOptions } from './http/middleware/rate-limit.ts'
export type { OpenStream } from './http/openers/open-stream.ts'
export { portableStream } from './http/openers/portable-stream.ts'
export type { Problem } from './http/problem.ts'
export { type StreamOptions, type StreamSettings, streamEvents } from './http/stream.ts'
export { createStreamResponse, type StreamResponseOptions } from './http/stream-response.ts'
export type { Coverage, DisconnectResult, StopResult } from './hub/cluster.ts'
export type { Connection, ConnectionInfo } from './hub/connections/connection-types.ts'
export type { PublishResult } from './hub/delivery.ts'
export type {
  EndReason,
  ErrorStage,
  HubHooks,
  RefusalReason,
  RejectionReason,
} from './hub/hooks/hooks.ts'
export { createHub } from './hub/hub.ts'
export type { CloseOptions, ConnectOptions, Hub, ListOptions } from './hub/hub-types.ts'
export type { PublishOptions } from './hub/idempotency/once-of.ts'
export type { Histogram, HubMetrics, HubStats } from './hub/metrics.ts'
export type { ClientOverflow, HubOptions } from './hub/options.ts'
export type { PipeOptions, PipeResult } from './hub/piping/pipe.ts'
export type { PipeSource } from './hub/piping/run-pipe.ts'
export type { ClientSummary, ConnectionSummary, Listing, TopicSummary } from './hub/presence.ts'
export type { RetainedEvent, RetainedList, RetainedOptions } from './hub/retained/list-retained.ts'
export type { EventItem, EventItemOf } from './hub/subscription/read-items.ts'
export type { EventsOptions } from './hub/subscription/subscribe.ts'
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
  RetainedBatch,
} from './journal/journal.ts'
export { createMemoryJournal, type MemoryJournalOptions } from './journal/memory/journal.ts'
export type { Once } from './journal/once.ts'
