/** Channels are changed in batches: one after another for each channel, and without waiting for others. */
import { expect, test } from 'vitest'
import type { RedisConnection } from '../../../../src/journal/redis/connection.ts'
import { createChannels } from '../../../../src/journal/redis/pubsub/channels.ts'

/** A connection whose responses the test controls. */
function silentConnection() {
  const sent: string[] = []
  const responses: (() => void)[] = []
  const send = (command: string) =>
    new Promise<void>((resolve) => {
      sent.push(command)
      responses.push(resolve)
    })
  const connection: Partial<RedisConnection> = {
    closed: false,
    subscribe: (channels) => send(`+${channels}`),
    unsubscribe: (channels) => send(`-${channels}`),
    close: () => {},
  }
  const respond = async () => {
    responses.shift()?.()
    await soon()
  }
  return { connection: connection as RedisConnection, sent, responses, respond }
}

const soon = () => new Promise((resolve) => setImmediate(resolve))

test('a channel that is subscribed again before Redis confirms its unsubscribe ends up subscribed', async () => {
  const { connection, sent, respond } = silentConnection()
  const channels = createChannels(['all'])
  const attached = channels.attach(connection, () => {})
  await respond()
  await attached
  channels.subscribe('alice')
  await soon()
  channels.unsubscribe('alice')
  await soon()
  channels.subscribe('alice')
  channels.subscribe('bob')
  await soon()
  expect(sent).toEqual(['+all', '+alice', '+bob'])
  let confirmed = false
  void channels.confirmed(['alice']).then(() => {
    confirmed = true
  })
  await respond()
  expect(sent.slice(3)).toEqual(['+alice'])
  expect(confirmed).toBe(false)
  await respond()
  await respond()
  expect(confirmed).toBe(true)
})

test('a channel that is unsubscribed before its subscription is confirmed ends up unsubscribed', async () => {
  const { connection, sent, respond } = silentConnection()
  const channels = createChannels([])
  channels.subscribe('alice')
  const attached = channels.attach(connection, () => {})
  channels.unsubscribe('alice')
  await soon()
  expect(sent).toEqual(['+alice'])
  await respond()
  await attached
  expect(sent).toEqual(['+alice', '-alice'])
})

test('channels that change in one turn go in one command', async () => {
  const { connection, sent } = silentConnection()
  const channels = createChannels([])
  await channels.attach(connection, () => {})
  for (const channel of ['a', 'b', 'c']) channels.subscribe(channel)
  await soon()
  expect(sent).toEqual(['+a,b,c'])
})

test('a new connection subscribes to all channels in batches, a few at a time, and reports each', async () => {
  const { connection, sent, responses, respond } = silentConnection()
  const all = Array.from({ length: 10_000 }, (_, i) => `channel-${i}`)
  const channels = createChannels(['all'])
  for (const channel of all) channels.subscribe(channel)
  let progress = 0
  const attached = channels.attach(connection, () => {
    progress += 1
  })
  const listed = () => sent.flatMap((command) => command.slice(1).split(','))
  expect(responses.length).toBeLessThanOrEqual(4)
  expect(listed().length).toBeLessThanOrEqual(4_000)
  // Those that are added meanwhile don't hold up the connection.
  channels.subscribe('late')
  while (responses.length > 0) {
    expect(responses.length).toBeLessThanOrEqual(4)
    await respond()
  }
  await attached
  expect(progress).toBe(sent.length)
  expect(listed()).toEqual(['all', ...all, 'late'])
})

test('callers that wait for a subscription receive an error when the connection is lost', async () => {
  const { connection } = silentConnection()
  const channels = createChannels(['all'])
  const attached = channels.attach(connection, () => {})
  channels.subscribe('alice')
  const confirmed = channels.confirmed(['alice'])
  channels.detach()
  await expect(attached).rejects.toThrow('lost')
  await expect(confirmed).rejects.toThrow('lost')
  // The next connection starts anew, whatever the lost one left in flight.
  const next = silentConnection()
  const attachedAgain = channels.attach(next.connection, () => {})
  expect(next.sent).toEqual(['+all,alice'])
  await next.respond()
  await attachedAgain
})

test('a channel is wanted from its subscription to its unsubscription, with or without a connection', async () => {
  const channels = createChannels(['all'])
  expect([channels.has('all'), channels.has('alice')]).toEqual([true, false])
  channels.subscribe('alice')
  expect(channels.has('alice')).toBe(true)
  // Nobody waits for a connection.
  await channels.confirmed(['alice'])
  channels.unsubscribe('alice')
  expect(channels.has('alice')).toBe(false)
})

test('callers wait until all of their channels are confirmed', async () => {
  const { connection, respond } = silentConnection()
  const channels = createChannels([])
  await channels.attach(connection, () => {})
  channels.subscribe('alice')
  await soon()
  await respond()
  channels.subscribe('bob')
  let confirmed = false
  const both = channels.confirmed(['alice', 'bob']).then(() => {
    confirmed = true
  })
  await soon()
  expect(confirmed).toBe(false)
  await respond()
  await both
})

test('a response of an earlier connection does not count', async () => {
  const early = silentConnection()
  const { connection, sent, respond } = silentConnection()
  const channels = createChannels(Array.from({ length: 3_000 }, (_, n) => `channel-${n}`))
  const lost = channels.attach(early.connection, () => {}).catch((error: Error) => error.message)
  channels.detach()
  expect(await lost).toBe('The connection was lost.')
  let progress = 0
  const attached = channels.attach(connection, () => {
    progress += 1
  })
  await early.respond()
  expect([sent.length, progress]).toEqual([4, 0])
  for (let n = 0; n < 6; n++) await respond()
  await attached
  expect([sent.length, progress]).toEqual([6, 6])
})
