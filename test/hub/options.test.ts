/** Options: a value out of range is refused by name, and the defaults are the documented ones. */
import { describe, expect, test } from 'vitest'
import { createHub } from '../../src/hub/hub.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'
import { manualClock } from '../support/clock.ts'

const QUEUE_SLACK_BYTES = 65_536

describe('an option', () => {
  test.each<HubOptions>([
    { heartbeatMs: 0 },
    { heartbeatMs: -1 },
    { heartbeatMs: Number.NaN },
    { heartbeatMs: 2 ** 31 },
    { retryMs: -1 },
    { retryMs: 3_600_001 },
    { clockMs: -1 },
    { offlineGraceMs: -1 },
    { clockMs: Number.POSITIVE_INFINITY },
    { lifetimeMs: 0 },
    { lifetimeMs: Number.POSITIVE_INFINITY },
    { maxConnections: -1 },
    { maxConnections: Number.NaN },
    { maxConnections: 1.5 },
    { maxConnectionsPerClient: 1.5 },
    { maxConnectionsPerClient: -1 },
    { maxEventBytes: 0 },
    { maxQueuedBytes: 0 },
    { maxEventBytes: 1_000, maxQueuedBytes: 1_000 + QUEUE_SLACK_BYTES - 1 },
    { maxEventBytes: 2_000_000 },
    // Text compares with numbers, and adds up to 10065536.
    { heartbeatMs: '500' as never },
    { maxEventBytes: '100' as never },
  ])('out of its range is refused: %j', (options) => {
    const names = Object.keys(options).join('|')
    expect(() => createHub(options)).toThrow(
      expect.objectContaining({
        name: 'HubError',
        code: 'invalid-option',
        message: expect.stringMatching(new RegExp(`${names}|maxQueuedBytes`)),
      }),
    )
  })

  test.each<HubOptions>([
    {},
    { heartbeatMs: 1 },
    { heartbeatMs: 2 ** 31 - 1 },
    { retryMs: 0, clockMs: 0, maxConnections: 0, maxConnectionsPerClient: 0 },
    { maxEventBytes: 1_000, maxQueuedBytes: 1_000 + QUEUE_SLACK_BYTES },
    { heartbeatMs: undefined, maxEventBytes: undefined },
  ])('within its range is accepted: %j', (options) => {
    expect(() => createHub(options)).not.toThrow()
  })

  test('that is the clock is also that of the default journal', async () => {
    const clock = manualClock()
    const hub = createHub({ clock })
    await hub.publish('everyone', { data: 'x' })
    await clock.advance(300_000)
    expect(hub.stats().journal.events).toBe(1)
    await clock.advance(1)
    expect(hub.stats().journal.events).toBe(0)
  })

  test('that does not exist is refused', () => {
    expect(() => createHub({ hearbeatMs: 1_000 } as HubOptions)).toThrow(
      expect.objectContaining({
        code: 'invalid-option',
        message: 'createHub has no option "hearbeatMs".',
      }),
    )
  })

  test.each<[string, object]>([
    ['clientOverflow', { clientOverflow: 'newest' }],
    ['events', { events: 3 }],
    ['events', { events: [] }],
    ['random', { random: 3 }],
    ['compression', { compression: 'gzip' }],
    ['compression', { compression: { encoding: 'gzip', offer: () => {} } }],
    ['journal', { journal: {} }],
    ['journal', { journal: { ...createMemoryJournal(), read: undefined } }],
    ['clock', { clock: { now: Date.now } }],
    ['journal', { journal: null }],
  ])('of another kind is refused by name: %s', (name, options) => {
    expect(() => createHub(options)).toThrow(
      expect.objectContaining({
        code: 'invalid-option',
        message: expect.stringContaining(`The option ${name} of createHub must be`),
      }),
    )
  })

  test.each([3, null, [], 'x'])('can not be read from %j', (options) => {
    expect(() => createHub(options as HubOptions)).toThrow(
      expect.objectContaining({ code: 'invalid-option' }),
    )
  })

  test('that is left out has its documented default', async () => {
    const hub = createHub()
    expect(hub.maxEventBytes).toBe(262_144)
    await hub.close()
  })
})
