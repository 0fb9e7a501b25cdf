/** Addresses have channels of their own up to a bound, and share those of buckets beyond it. */
import { expect, test } from 'vitest'
import type { RedisConnection } from '../../../../src/journal/redis/connection.ts'
import { createAddressSubscriptions } from '../../../../src/journal/redis/pubsub/addresses.ts'
import { bucketOf, MARKER } from '../../../../src/journal/redis/scripts/buckets.ts'

const MAX_EXACT = 65_536
const marker = `{p}${MARKER}`
const addressChannel = (key: string) => `{p}:address:${key}`
const bucketChannel = (key: string) => `{p}:bucket:${bucketOf(key)}`

interface Use {
  readonly connection: RedisConnection
  resolve(): void
  reject(error: Error): void
}

/** Subscriptions, with this many addresses already. */
function recordedSubscriptions(count = 0) {
  let commands: string[] = []
  const wanted = new Set<string>()
  const confirmations: (readonly string[])[] = []
  const uses: Use[] = []
  const subscriptions = createAddressSubscriptions(
    '{p}',
    {
      subscribe: (channel) => {
        wanted.add(channel)
        commands.push(`+${channel}`)
      },
      unsubscribe: (channel) => {
        wanted.delete(channel)
        commands.push(`-${channel}`)
      },
      has: (channel) => wanted.has(channel),
      confirmed: async (channels) => void confirmations.push(channels),
      attach: async () => {},
      detach: () => {},
    },
    (connection) =>
      new Promise<void>((resolve, reject) => uses.push({ connection, resolve, reject })),
  )
  for (let n = 0; n < count; n++) subscriptions.subscribe(`c:${n}`)
  const taken = () => {
    const all = commands
    commands = []
    return all
  }
  return { subscriptions, taken, confirmations, uses }
}

/** Another key in the bucket of this one. */
function neighborOf(key: string): string {
  for (let n = 0; ; n++) if (bucketOf(`t:${n}`) === bucketOf(key)) return `t:${n}`
}

const connection = {} as RedisConnection
const soon = () => new Promise((resolve) => setImmediate(resolve))

test('an address has a channel of its own', () => {
  const { subscriptions, taken } = recordedSubscriptions()
  subscriptions.subscribe('c:a')
  expect([subscriptions.has('c:a'), subscriptions.has('c:b')]).toEqual([true, false])
  subscriptions.unsubscribe('c:a')
  expect(taken()).toEqual([`+${addressChannel('c:a')}`, `-${addressChannel('c:a')}`])
  expect([subscriptions.has('c:a'), subscriptions.needsBuckets]).toEqual([false, false])
})

test('addresses beyond the bound share the channels of buckets, each of which is subscribed to once', () => {
  const { subscriptions, taken } = recordedSubscriptions(MAX_EXACT)
  const exact = taken()
  expect(exact).toHaveLength(MAX_EXACT)
  expect(exact.every((command) => command.startsWith('+{p}:address:'))).toBe(true)
  expect(subscriptions.needsBuckets).toBe(false)
  const one = 'c:one'
  const other = neighborOf(one)
  subscriptions.subscribe(one)
  expect(taken()).toEqual([`+${marker}`, `+${bucketChannel(one)}`])
  subscriptions.subscribe(other)
  expect(taken()).toEqual([])
  expect([one, other, 'c:none'].map(subscriptions.has)).toEqual([true, true, false])
  expect(subscriptions.needsBuckets).toBe(true)
  const elsewhere = 'c:elsewhere'
  subscriptions.subscribe(elsewhere)
  subscriptions.unsubscribe(elsewhere)
  expect(taken()).toEqual([`+${bucketChannel(elsewhere)}`, `-${bucketChannel(elsewhere)}`])
  subscriptions.unsubscribe(one)
  expect([taken(), subscriptions.has(one)]).toEqual([[], false])
  subscriptions.unsubscribe(other)
  expect(taken()).toEqual([`-${marker}`, `-${bucketChannel(one)}`])
  expect(subscriptions.needsBuckets).toBe(false)
})

test('an address that comes when another has left has a channel of its own again', () => {
  const { subscriptions, taken } = recordedSubscriptions(MAX_EXACT)
  subscriptions.unsubscribe('c:0')
  taken()
  subscriptions.subscribe('c:new')
  expect(taken()).toEqual([`+${addressChannel('c:new')}`])
  subscriptions.subscribe('c:beyond')
  expect(taken()).toEqual([`+${marker}`, `+${bucketChannel('c:beyond')}`])
})

test('a message is received at its address, and only once', () => {
  const { subscriptions } = recordedSubscriptions(MAX_EXACT)
  subscriptions.subscribe('c:shared')
  const received: string[] = []
  const send = (channel: string, text: string) =>
    subscriptions.onMessage(channel, new TextEncoder().encode(text), (key, frames) => {
      received.push(`${key} ${new TextDecoder().decode(frames)}`)
    })
  expect(send(addressChannel('c:0'), 'own')).toBe(true)
  expect(send(addressChannel('c:shared'), 'late')).toBe(true)
  const bucket = bucketChannel('c:shared')
  expect(send(bucket, 'c:shared\nin a\nbucket')).toBe(true)
  expect(send(bucket, 'c:0\nof another')).toBe(true)
  expect(send(bucket, 'c:shared')).toBe(true)
  expect(send('{p}:instances', 'to all')).toBe(false)
  expect(send('other{p}:address:', 'c:shared\nx')).toBe(false)
  expect(send('other{p}:bucket:', 'c:shared\nx')).toBe(false)
  expect(received).toEqual(['c:0 own', 'c:shared in a\nbucket'])
})

test('a hub that shares no channel waits for its own alone', async () => {
  const { subscriptions, confirmations, uses } = recordedSubscriptions(2)
  await subscriptions.confirmed(['c:0', 'c:1'], connection)
  expect(confirmations).toEqual([[addressChannel('c:0'), addressChannel('c:1')]])
  expect(uses).toEqual([])
})

test('a hub that shares channels also waits until all hubs publish to buckets, which it asks for once', async () => {
  const { subscriptions, confirmations, uses } = recordedSubscriptions(MAX_EXACT)
  subscriptions.subscribe('c:shared')
  const confirm = (to = connection) => subscriptions.confirmed(['c:0', 'c:shared'], to)
  let count = 0
  const both = [confirm(), confirm()].map((one) =>
    one.then(() => {
      count += 1
    }),
  )
  await soon()
  expect([uses.map(({ connection }) => connection), count]).toEqual([[connection], 0])
  expect(confirmations[0]).toEqual([marker, addressChannel('c:0'), bucketChannel('c:shared')])
  uses[0]?.resolve()
  await Promise.all(both)
  await confirm()
  expect(uses).toHaveLength(1)
  const next = {} as RedisConnection
  const again = confirm(next)
  await soon()
  expect(uses[1]?.connection).toBe(next)
  uses[1]?.resolve()
  await again
  // Meanwhile another hub may have ended the use.
  subscriptions.unsubscribe('c:shared')
  subscriptions.subscribe('c:shared')
  void confirm(next)
  await soon()
  expect(uses).toHaveLength(3)
})

test('buckets that could not be used are asked for again', async () => {
  const { subscriptions, uses } = recordedSubscriptions(MAX_EXACT)
  subscriptions.subscribe('c:shared')
  const confirm = (to = connection) => subscriptions.confirmed(['c:shared'], to)
  const failed = confirm()
  await soon()
  uses[0]?.reject(new Error('away'))
  await expect(failed).rejects.toThrow('away')
  // The failure of an earlier use does not end a later one.
  const early = confirm()
  await soon()
  const next = {} as RedisConnection
  void confirm(next)
  await soon()
  uses[1]?.reject(new Error('lost'))
  await expect(early).rejects.toThrow('lost')
  void confirm(next)
  await soon()
  expect(uses).toHaveLength(3)
  const last = confirm({} as RedisConnection)
  await soon()
  subscriptions.unsubscribe('c:shared')
  subscriptions.subscribe('c:shared')
  uses[3]?.reject(new Error('lost again'))
  await expect(last).rejects.toThrow('lost again')
})
