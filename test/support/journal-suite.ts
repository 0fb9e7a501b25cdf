/** Runs the conformance checks of a journal as tests. */
import { expect, test } from 'vitest'
import { addressKeys, EVERYONE, topicKey } from '../../src/core/address.ts'
import {
  backplaneChecks,
  type ConformanceBounds,
  type ConformanceCheck,
  type JournalUnderTest,
  journalChecks,
  type OpenJournal,
  type OpenSharedJournals,
  presenceChecks,
  relayChecks,
} from '../../src/journal/conformance/index.ts'
import { eventually } from './eventually.ts'

/** A journal under test. */
export interface TestJournal extends Omit<JournalUnderTest, 'eventually'> {
  /** Resolves once as many events have been delivered. */
  delivered(count: number): Promise<void>
}

/** The bounds that tests set. */
export type Bounds = ConformanceBounds

/** Opens a journal whose hub listens at these keys. */
export type OpenTestJournal = (
  bounds: Bounds,
  subscribed: readonly string[],
) => Promise<TestJournal>

/** Tests the contract of a journal. */
export function journalSuite(open: OpenTestJournal): void {
  runAll(journalChecks(withEventually(open)))
}

/** Tests the contract of a journal's backplane. */
export function backplaneSuite(open: OpenTestJournal): void {
  runAll(backplaneChecks(withEventually(open)))
}

/** Tests the contract of a backplane that several hubs share. */
export function relaySuite(open: OpenTestJournal): void {
  runAll(relayChecks(withEventually(open)))

  test.each([
    ['one address', EVERYONE],
    ['several', [EVERYONE, topicKey('sport')]],
    ['a topic with levels', addressKeys({ topic: 'a/b' })],
  ])(
    'a relayed event names the newest event stored before it, also if that was not delivered here: %s',
    async (_, keys) => {
      const { journal, deliveries, delivered } = await open({}, [EVERYONE, 't:a/b'])
      const { sequence } = await journal.append(topicKey('news'), { data: 'x' })
      await journal.backplane?.relay?.(keys, { data: 'now' })
      await delivered(1)
      const [{ frame, after } = {}] = deliveries
      expect(after).toBe(sequence)
      expect(new TextDecoder().decode(frame)).toBe('data: now\n\n')
    },
  )
}

/** Tests the contract of a backplane that several hubs share and that knows all their clients. */
export function presenceSuite(open: OpenSharedJournals): void {
  runAll(presenceChecks(open))
}

function runAll(checks: readonly ConformanceCheck[]): void {
  for (const { name, run } of checks) test(name, run)
}

function withEventually(open: OpenTestJournal): OpenJournal {
  return async (bounds, subscribed) => ({
    ...(await open(bounds, subscribed)),
    eventually: (condition) =>
      eventually(() => {
        if (!condition()) throw new Error('The condition does not hold.')
      }),
  })
}
