/** What an application receives of a connection can be read and ended, and not changed. */
import { expect, test } from 'vitest'
import type { Connection } from '../../../src/hub/connections/connection-types.ts'
import { controlData } from '../../support/events.ts'
import { fakeStream } from '../../support/fake-stream.ts'
import { createHubHarness } from '../../support/hub-harness.ts'

const FIELDS = ['id', 'client', 'topics', 'since', 'openedAt', 'info', 'context', 'ended']

test('hooks and the caller receive the same object, without the hub’s own part of it', async () => {
  const seen: Connection[] = []
  const { clock, hub } = createHubHarness({
    onConnect: (connection) => seen.push(connection),
    onDisconnect: (connection) => seen.push(connection),
  })
  const stream = fakeStream()
  const info = { opener: 'mine' }
  const options = { client: 'alice', topics: ['news', 'news'], context: 7, info, stream }
  const connection = hub.connect(options)
  await clock.runPending()
  stream.leave()
  expect(seen).toEqual([connection, connection])
  expect(seen.every((one) => one === connection)).toBe(true)
  expect(Object.keys(connection)).toEqual(FIELDS)
  expect(connection).toMatchObject({ client: 'alice', topics: ['news'], context: 7, info })
  for (const own of ['abort', 'phase', 'replay', 'position', 'enqueue', 'queuedBytes']) {
    expect(connection).not.toHaveProperty(own)
  }
})

test('nothing about the connection can be changed', async () => {
  const { clock, hub, connect } = createHubHarness({
    onConnect: (connection) => {
      const all = connection as unknown as Record<string, unknown>
      expect(() => Object.assign(all, { client: 'eve' })).toThrow(TypeError)
      expect(() => Object.assign(all, { sentBytes: 0 })).toThrow(TypeError)
      expect(() => (connection.topics as string[]).push('secret')).toThrow(TypeError)
      expect(() => Object.assign(connection.info, { opener: 'eve' })).toThrow(TypeError)
    },
    onError: (error) => {
      throw error
    },
  })
  for (const topics of [[], ['news']]) await connect('alice', { topics })
  const { rows } = await hub.connections({ client: 'alice' })
  expect(rows.map(({ client, topics }) => [client, topics])).toEqual([
    ['alice', []],
    ['alice', ['news']],
  ])
  for (const { topics } of rows) {
    expect(() => (topics as string[]).push('secret')).toThrow(TypeError)
  }
  await hub.disconnect('alice')
  await clock.runPending()
  expect(hub.stats()).toMatchObject({ connections: 0, clients: 0 })
})

test('the caller’s own description of the request stays as it is', () => {
  const { hub } = createHubHarness({ onConnect: () => {} })
  const info = { opener: 'mine' }
  hub.connect({ client: 'alice', info, stream: fakeStream() })
  expect(Object.isFrozen(info)).toBe(false)
})

test('it counts what was written, and ends its stream', async () => {
  const { clock, hub } = createHubHarness()
  const stream = fakeStream()
  const connection = hub.connect({ client: 'alice', stream })
  expect(connection).toMatchObject({ sentEvents: 0, sentBytes: 0 })
  await clock.runPending()
  expect(connection.sentEvents).toBe(1)
  expect(connection.sentBytes).toBe(stream.writes[0]?.byteLength)
  connection.disconnect('expired')
  await clock.runPending()
  await connection.ended
  expect(controlData(stream, 'hub:bye')).toEqual({ reason: 'expired' })
})
