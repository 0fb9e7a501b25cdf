/** `hono-sse/journal`: what the author of a journal needs: the contract, building blocks, and the checks that every journal must pass. */
export type { AddressKeys } from '../../core/address.ts'
export { type Clock, systemClock } from '../../core/clock.ts'
export {
  type Cursor,
  newEpoch,
  type Position,
  parseCursor,
  positionOf,
} from '../../core/cursor.ts'
export { HubError, type HubErrorCode } from '../../core/errors.ts'
export { encodeFrame, type FrameFields, type HubEvent } from '../../core/event.ts'
export type {
  Backplane,
  ControlResponses,
  OnlineClients,
  OnlineClientsInit,
  RelayResult,
  SharedPresence,
} from '../backplane.ts'
export type { EventStore, JournalBounds, Keyed, RetainedSource } from '../event-store.ts'
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
} from '../journal.ts'
export { createEventStore } from '../memory/store.ts'
export type { Once } from '../once.ts'
export { type ReadRequest, readBatch, readRetained, readStart } from '../read-batch.ts'
export { backplaneChecks, relayChecks } from './backplane-checks.ts'
export type {
  ConformanceBounds,
  ConformanceCheck,
  JournalUnderTest,
  OpenJournal,
} from './harness.ts'
export { journalChecks } from './log-checks.ts'
export {
  type OpenSharedJournals,
  presenceChecks,
  type SharedJournalsUnderTest,
} from './presence-checks.ts'
