/** Options: a value out of range is refused by name, and the defaults are the documented ones. */
import { describe, expect, test } from 'vitest'
import { createHub } from '../../src/hub/hub.ts'
import type { HubOptions } from '../../src/hub/options.ts'

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
    { clockMs: Number.POSITIVE_INFINITY },
    { lifetimeMs: 0 },
    { lifetimeMs: Number.POSITIVE_INFINITY },
    { maxConnections: -1 },
    { maxConnections: Number.NaN },
    { maxConnectionsPerClient: -1 },
    { maxEventBytes: 0 },
    { maxQueuedBytes: 0 },
    { maxEventBytes: 1_000, maxQueuedBytes: 1_000 + QUEUE_SLACK_BYTES - 1 },
    { maxEventBytes: 2_000_000 },
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

  test('that is left out has its documented default', async () => {
    const hub = createHub()
    expect(hub.maxEventBytes).toBe(262_144)
    await hub.close()
  })
})
