/** After an outage the journal is read again if messages had to be dropped, and connections share what fits. */
import { expect, test } from 'vitest'
import { EVERYONE } from '../../../src/core/address.ts'
import { positionOf } from '../../../src/core/cursor.ts'
import { catchUp } from '../../../src/journal/redis/catch-up.ts'
import { createInbound } from '../../../src/journal/redis/pubsub/inbound.ts'
import { CATCH_UP } from '../../../src/journal/redis/scripts/index.ts'
import { READ_EACH } from '../../../src/journal/redis/scripts/read.ts'

const MIB = 1_048_576

/** Inbound messages, and those that were dispatched. */
function recordingInbound() {
  const dispatched: string[] = []
  const inbound = createInbound({
    dispatch: (channel) => void dispatched.push(channel),
    ignored: () => {},
  })
  return { inbound, dispatched }
}

const frame = (epoch: string, sequence: number) => `id: ${epoch}-${sequence}\ndata: x\n\n`

test('messages are dropped while a connection is prepared, and held while the journal is read', () => {
  const { inbound, dispatched } = recordingInbound()
  inbound.drop()
  inbound.onMessage('a', new Uint8Array(1))
  inbound.hold()
  inbound.onMessage('b', new Uint8Array(1))
  expect([dispatched, inbound.overflowed]).toEqual([[], false])
  inbound.release()
  inbound.onMessage('c', new Uint8Array(1))
  expect(dispatched).toEqual(['b', 'c'])
})

test.each([
  ['16 MiB', 17, MIB],
  ['50,000 messages', 50_001, 1],
])('no more than %s are held', (_, count, bytes) => {
  const { inbound, dispatched } = recordingInbound()
  inbound.hold()
  const message = new Uint8Array(bytes)
  for (let i = 0; i < count; i++) inbound.onMessage('a', message)
  expect(inbound.overflowed).toBe(true)
  inbound.hold()
  inbound.onMessage('b', message)
  inbound.release()
  expect(dispatched).toEqual(['b'])
})

test('a hub that had to drop messages reads the journal again, as far as it has come since', async () => {
  const { inbound, dispatched } = recordingInbound()
  let readings = 0
  let progress = 0
  const missed = await catchUp({
    epoch: 'e',
    head: positionOf('e', 5),
    inbound,
    subscriptions: { needsBuckets: false, needsPatterns: false, has: () => true },
    onProgress: () => {
      progress += 1
    },
    run: async (script, args) => {
      expect([script, args]).toEqual([CATCH_UP, ['e', '5', '0', '0']])
      readings += 1
      for (let i = readings; i < 3; i++) {
        for (let j = 0; j < 17; j++) inbound.onMessage('early', new Uint8Array(MIB))
      }
      inbound.onMessage('late', new Uint8Array(1))
      return ['e', 100 * readings, 0, []]
    },
  })
  expect([readings, progress, missed.end.id]).toEqual([3, 3, 'e-300'])
  inbound.release()
  expect(dispatched).toEqual(['late'])
})

test('an event that several addresses of a connection have is shared once', async () => {
  const { share } = await catchUpWith([
    [frame('e', 6), frame('e', 8)],
    [frame('e', 6), frame('e', 7), frame('e', 8)],
    [],
  ])
  const batch = share([EVERYONE, 't:news'], 'd-5', MIB)
  expect(batch?.entries.map(({ id }) => id)).toEqual(['e-6', 'e-7', 'e-8'])
})

test('connections share what they missed, each in batches of its own size', async () => {
  const { share } = await catchUpWith([
    [frame('d', 6), frame('e', 9), frame('e', 11)],
    [frame('e', 7)],
    0,
  ])
  const idsOf = (keys: readonly string[], cursor: string | undefined, maxBytes = MIB) => {
    const batch = share(keys, cursor, maxBytes)
    return batch && [...batch.entries.map(({ id }) => id), batch.end.id, batch.done]
  }
  // In order, with ids of this epoch, and without what is published after the reading.
  expect(idsOf([EVERYONE, 't:news'], 'd-5')).toEqual(['e-6', 'e-7', 'e-9', 'e-10', true])
  expect(idsOf([EVERYONE], 'd-5')).toEqual(['e-6', 'e-9', 'e-10', true])
  expect(idsOf(['c:nobody'], 'd-5')).toEqual(['e-10', true])
  expect(idsOf([EVERYONE, 't:news'], 'd-5', 1)).toEqual(['e-6', 'e-6', false])
  expect(share([EVERYONE], 'd-5', MIB)?.entries[0]?.frame).toBe(
    share([EVERYONE, 't:news'], 'd-5', MIB)?.entries[0]?.frame,
  )
})

test('a batch of what is shared is filled exactly, and made once for all with the same keys', async () => {
  const { share } = await catchUpWith([[frame('e', 6), frame('e', 7), frame('e', 8)], [], 0])
  const { byteLength } = share([EVERYONE], 'd-5', MIB)?.entries[0]?.frame ?? new Uint8Array()
  const countWith = (maxBytes: number) => share([EVERYONE], 'd-5', maxBytes)?.entries.length
  expect([2 * byteLength - 1, 2 * byteLength, 3 * byteLength].map(countWith)).toEqual([1, 2, 3])
  expect(share([EVERYONE], 'd-5', MIB)?.entries).toBe(share([EVERYONE], 'd-5', MIB)?.entries)
})

test('a hub that connects for the first time has seen nothing, and says whether it follows patterns and shares channels', async () => {
  const calls: unknown[] = []
  await catchUp({
    epoch: '',
    head: positionOf('instance', 7),
    inbound: recordingInbound().inbound,
    subscriptions: { needsBuckets: true, needsPatterns: true, has: () => false },
    onProgress: () => {},
    run: async (script, args) => {
      calls.push(script, args)
      return ['e', 10, 1, []]
    },
  })
  expect(calls).toEqual([CATCH_UP, ['', '0', '1', '1']])
})

test('a connection reads by itself if it lost an event, missed too much, or is elsewhere in the journal', async () => {
  const { share } = await catchUpWith([[frame('e', 6)], [frame('e', 7)], 0])
  expect(share([EVERYONE, 'c:alice'], 'd-5', MIB)).toBeUndefined()
  for (const cursor of ['d-4', 'd-6', 'e-5', 'earliest', undefined]) {
    expect(share([EVERYONE], cursor, MIB)).toBeUndefined()
  }
})

test('nothing is shared if a new epoch starts between the two readings', async () => {
  const { share } = await catchUpWith([[frame('e', 6)], [], []], 'f')
  expect(share([EVERYONE], 'd-5', MIB)).toBeUndefined()
  expect(share(['c:nobody'], 'd-5', MIB)?.entries).toEqual([])
})

/** A hub of epoch `d` that returns in epoch `e`. @param lists - for everyone, a topic and a client */
function catchUpWith(lists: readonly (readonly string[] | number)[], epoch = 'e') {
  const keys = [EVERYONE, 't:news', 'c:alice']
  return catchUp({
    epoch: 'd',
    head: positionOf('d', 5),
    inbound: recordingInbound().inbound,
    subscriptions: { needsBuckets: false, needsPatterns: false, has: (key) => keys.includes(key) },
    onProgress: () => {},
    run: async (script, args) => {
      if (script === CATCH_UP) return ['e', 10, 0, ['c:alice', 't:other', 't:news', EVERYONE]]
      expect([script, args]).toEqual([READ_EACH, ['d', '5', String(MIB), ...keys]])
      return [epoch, 12, ...lists]
    },
  })
}
