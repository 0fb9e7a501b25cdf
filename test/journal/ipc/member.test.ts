/** A process that stands still costs the holder bounded memory, and misses nothing that its hub can't read. */
import { expect, test } from 'vitest'
import { clientKey, EVERYONE } from '../../../src/core/address.ts'
import { until } from '../../support/eventually.ts'
import { createIpcWorld, type IpcProcess } from '../../support/ipc-journals.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')
const MIB = 1_048_576

/** Publishes as many events of a mebibyte. */
async function publish({ journal }: IpcProcess, key: string, count: number): Promise<string> {
  let id = ''
  for (let n = 0; n < count; n++) {
    id = (await journal.append(key, { data: 'x'.repeat(MIB) })).id
  }
  return id
}

test('what waits for a process that stands still is bounded, and what it missed is reported once it goes on', async () => {
  const { start } = createIpcWorld()
  const slow = await start([EVERYONE, ALICE])
  const busy = await start()
  slow.stop()
  await publish(busy, EVERYONE, 25)
  const last = await publish(busy, ALICE, 1)
  slow.go()
  await until('it has been asked to read the rest', () => slow.missed.length === 1)
  expect(slow.deliveries.length).toBeGreaterThan(14)
  expect(slow.deliveries.length).toBeLessThan(20)
  const [affects = () => false] = slow.missed
  expect([EVERYONE, ALICE, BOB].map(affects)).toEqual([true, true, false])
  const head = slow.journal.head()
  expect(head.id).toBe(last)
  const before = slow.deliveries.at(-1)?.entry?.id
  const { entries, gap } = await slow.journal.read([EVERYONE, ALICE], before, 64 * MIB)
  expect([entries.length + slow.deliveries.length, gap]).toEqual([26, undefined])
  await publish(busy, ALICE, 1)
  await until('it receives again', () => slow.deliveries.at(-1)?.keys === ALICE)
})

test('an event for several addresses that was not sent is missed at those that the process listens to', async () => {
  const { start } = createIpcWorld()
  const slow = await start([ALICE, BOB])
  const busy = await start()
  slow.stop()
  await publish(busy, ALICE, 20)
  const { id } = await busy.journal.append([EVERYONE, BOB], { data: 'x' })
  slow.go()
  await until('it has been asked to read the rest', () => slow.missed.length === 1)
  const [affects = () => false] = slow.missed
  expect([ALICE, BOB, EVERYONE].map(affects)).toEqual([true, true, false])
  const { entries } = await slow.journal.read([BOB], 'earliest', MIB)
  expect(entries.map((entry) => entry.id)).toEqual([id])
})

test('the head does not move past what a process has missed before it reads that', async () => {
  const { start } = createIpcWorld()
  const slow = await start([EVERYONE])
  const busy = await start()
  slow.stop()
  const own = slow.journal.append(ALICE, { data: 'own' })
  await publish(busy, EVERYONE, 20)
  slow.go()
  await until('it has been asked to read the rest', () => slow.missed.length === 1)
  await own
  expect(slow.headsWhenMissed).toEqual([slow.deliveries.at(-1)?.entry?.sequence])
})

test('ephemeral events that a process has missed are not announced', async () => {
  const { start } = createIpcWorld()
  const slow = await start([EVERYONE, ALICE])
  const busy = await start()
  slow.stop()
  await publish(busy, EVERYONE, 18)
  await busy.journal.backplane.relay?.(ALICE, { data: 'typing' })
  slow.go()
  await until('it has been asked to read the rest', () => slow.missed.length === 1)
  expect([EVERYONE, ALICE].map((key) => slow.missed[0]?.(key))).toEqual([true, false])
})

test('beyond ten thousand addresses, events at any address count as missed', async () => {
  const { start } = createIpcWorld()
  const keys = Array.from({ length: 10_001 }, (_, n) => clientKey(`${n}`))
  const slow = await start([EVERYONE, ...keys])
  const busy = await start()
  slow.stop()
  await publish(busy, EVERYONE, 18)
  await Promise.all(keys.map((key) => busy.journal.append(key, { data: '' })))
  slow.go()
  await until('it has been asked to read the rest', () => slow.missed.length === 1)
  expect(slow.missed[0]?.(BOB)).toBe(true)
})

test('a process that was behind receives the blocks that were stored meanwhile', async () => {
  const { start, clock } = createIpcWorld()
  const slow = await start([EVERYONE])
  const busy = await start()
  slow.stop()
  await publish(busy, EVERYONE, 18)
  const disconnected = busy.journal.backplane.request({ type: 'disconnect' }, 60_000)
  await expect(disconnected).resolves.toEqual({ responses: [{ by: '2' }], asked: 2 })
  await clock.advance(1_000)
  slow.go()
  await until('it receives the request', () => slow.requests.length === 1)
  expect(slow.requests).toEqual([{ request: { type: 'disconnect' }, remainingMs: 59_000 }])
})

test('a holder that does not respond for ten seconds fails what waits for it, until it responds', async () => {
  const { start, clock } = createIpcWorld()
  const cut = await start([EVERYONE])
  cut.stop()
  await clock.advance(10_000)
  expect(cut.journal.ready).toBe(true)
  const waiting = cut.journal.append(EVERYONE, { data: 'x' })
  const refused = expect(waiting).rejects.toThrow(/^The journal does not respond: /)
  await clock.advance(2_000)
  await refused
  expect(cut.journal.ready).toBe(false)
  cut.go()
  await until('it is back', () => cut.journal.ready === true)
  await cut.journal.append(EVERYONE, { data: 'y' })
})
