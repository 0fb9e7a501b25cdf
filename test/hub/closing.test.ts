/** Closing a connection begins with a goodbye, and always ends. */
import { describe, expect, test } from 'vitest'
import type { EndReason } from '../../src/hub/hooks/hooks.ts'
import { internalsOf } from '../../src/hub/internals.ts'
import { controlData, cursorOf, eventsNamed, publishedData } from '../support/events.ts'
import { createHubHarness, type HubHarnessOptions } from '../support/hub-harness.ts'

const GOODBYE_MS = 5_000
const ROUND_MS = 1_000

function setUp(options: HubHarnessOptions = {}) {
  const ended: [string, EndReason][] = []
  const onDisconnect = ({ client }: { client: string }, reason: EndReason) =>
    void ended.push([client, reason])
  return { ...createHubHarness({ ...options, onDisconnect }), ended }
}

describe('a goodbye', () => {
  test('says why and when to reconnect, and carries no cursor', async () => {
    const { clock, hub, connect, ended } = setUp({ retryMs: 1_000 })
    const { stream, connection } = await connect('alice')
    const before = cursorOf(stream)
    hub.disconnect('alice')
    await clock.runPending()
    await connection.ended
    expect(stream.events.at(-1)).toEqual({
      id: undefined,
      event: 'hub:bye',
      data: '{"reason":"disconnected"}',
    })
    expect(cursorOf(stream)).toBe(before)
    expect(stream.retries).toEqual([1_000, 2_000])
    expect(ended).toEqual([['alice', 'disconnected']])
    expect(stream.cut).toBe(false)
  })

  test('spreads the reconnects: the delay is random, from one to three times the base', async () => {
    // For each stream: its lifetime, its opening retry, its goodbye.
    const chances = [0.5, 0.5, 0, 0.5, 0.5, 0.999, 0.5, 0.5, 0.25]
    const { clock, hub, connect } = setUp({ retryMs: 1_000, random: () => chances.shift() ?? 0 })
    const waits: (number | undefined)[] = []
    for (let i = 0; i < 3; i++) {
      const { stream } = await connect('alice')
      hub.disconnect('alice')
      await clock.runPending()
      waits.push(stream.retries.at(-1))
    }
    expect(waits).toEqual([1_000, 2_998, 1_500])
  })

  test('is the last thing that a client receives', async () => {
    const { clock, hub, connect, broadcast } = setUp()
    const { stream } = await connect('alice')
    hub.disconnect('alice')
    hub.disconnect('alice')
    await broadcast('late')
    await clock.runPending()
    expect(eventsNamed(stream, 'hub:bye')).toHaveLength(1)
    expect(publishedData(stream)).toEqual([])
    expect(stream.faults).toEqual([])
  })

  test('waits for a busy transport, after what was queued before', async () => {
    const { clock, hub, connect, broadcast, ended } = setUp()
    const { stream, connection } = await connect('alice')
    stream.stall()
    await broadcast('a')
    await clock.runPending()
    await broadcast('b')
    hub.disconnect('alice')
    await clock.advance(GOODBYE_MS - 1)
    expect(ended).toEqual([])
    stream.resume()
    await connection.ended
    expect(publishedData(stream)).toEqual(['a', 'b'])
    expect(controlData(stream, 'hub:bye')).toEqual({ reason: 'disconnected' })
    expect(stream.cut).toBe(false)
  })

  test('that is not read within its grace period ends with a cut-off, with the same reason', async () => {
    const { clock, hub, connect, ended } = setUp({ heartbeatMs: 3_600_000 })
    const { stream, connection } = await connect('alice')
    stream.stall()
    await clock.runPending()
    hub.disconnect('alice')
    await clock.advance(GOODBYE_MS - 1)
    expect(stream.cut).toBe(false)
    await clock.advance(ROUND_MS + 1)
    expect(stream.cut).toBe(true)
    await connection.ended
    expect(ended).toEqual([['alice', 'disconnected']])
    stream.resume()
    await clock.runPending()
    expect(stream.faults).toEqual([])
  })

  test('to a client that leaves at the same time does not count as a second end', async () => {
    const { clock, hub, connect, ended } = setUp()
    const { stream } = await connect('alice')
    hub.disconnect('alice')
    stream.leave()
    await clock.runPending()
    expect(ended).toEqual([['alice', 'disconnected']])
    expect(stream.faults).toEqual([])
    expect(clock.timers).toBe(0)
  })
})

test('a client that leaves is reported with the reason left', async () => {
  const { clock, connect, ended } = setUp()
  const { stream } = await connect('alice')
  stream.leave()
  await clock.runPending()
  expect(ended).toEqual([['alice', 'left']])
})

test('the frame of a goodbye is available for a stream that is not opened', () => {
  const { hub } = setUp({ retryMs: 1_000 })
  expect(new TextDecoder().decode(internalsOf(hub).byeFrame('at-capacity'))).toBe(
    'retry: 2000\nevent: hub:bye\ndata: {"reason":"at-capacity"}\n\n',
  )
})
