/** `hono-sse/conformance`: checks of everything a hub relies on, for authors of journals to run in any test runner. */
export { backplaneChecks, relayChecks } from './backplane-checks.ts'
export type {
  ConformanceBounds,
  ConformanceCheck,
  JournalUnderTest,
  OpenJournal,
} from './harness.ts'
export { journalChecks } from './log-checks.ts'
