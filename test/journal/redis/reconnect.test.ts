/** A connection that is lost again and again is reopened at growing intervals, until one has held for a while. */
import { expect, test } from 'vitest'
import type { RedisConnection } from '../../../src/journal/redis/connection.ts'
import { startReconnectLoop } from '../../../src/journal/redis/reconnect.ts'
import { type ManualClock, manualClock } from '../../support/clock.ts'

/** Connections that open at once and stay open until `lose` is called. */
function harness(clock: ManualClock) {
  const openedAt: number[] = []
  let lose: (reason: Error) => void = () => {}
  const loop = startReconnectLoop({
    clock,
    random: () => 0.5,
    open: async () => {
      openedAt.push(clock.monotonic())
      const ended = new Promise<Error>((resolve) => {
        lose = resolve
      })
      return { ended, closed: false, close: lose } as unknown as RedisConnection
    },
    onConnected: async () => {},
    onDisconnected: () => {},
    probe: () => loop.alive(),
  })
  return { loop, openedAt, lose: () => lose(new Error('lost')) }
}

/** Loses the connection `heldMs` after it opened, and returns how long it takes until the next one opens. */
async function pauseAfter(
  clock: ManualClock,
  { openedAt, lose }: ReturnType<typeof harness>,
  heldMs: number,
): Promise<number> {
  const count = openedAt.length
  await clock.advance(heldMs)
  const lostAt = clock.monotonic()
  lose()
  for (let i = 0; i < 400 && openedAt.length === count; i++) await clock.advance(10)
  return (openedAt.at(-1) ?? 0) - lostAt
}

test('connections that are lost at once are reopened after 50 ms, 100 ms and so on, up to 3 s', async () => {
  const clock = manualClock()
  const link = harness(clock)
  await clock.runPending()
  const pauses: number[] = []
  for (let i = 0; i < 8; i++) pauses.push(await pauseAfter(clock, link, 100))
  expect(pauses).toEqual([50, 100, 200, 400, 800, 1_600, 3_000, 3_000])
  link.loop.close()
})

test('a connection that lasted 5 s is reopened after 50 ms again', async () => {
  const clock = manualClock()
  const link = harness(clock)
  await clock.runPending()
  for (let i = 0; i < 4; i++) await pauseAfter(clock, link, 4_900)
  expect(await pauseAfter(clock, link, 4_900)).toBe(800)
  expect(await pauseAfter(clock, link, 5_000)).toBe(50)
  link.loop.close()
})

/** Connections that open at once, and whose preparation ends when the test says so. */
function slowHarness(clock: ManualClock) {
  let opened = 0
  let finish: () => void = () => {}
  const reasons: string[] = []
  const loop = startReconnectLoop({
    clock,
    random: () => 0.5,
    open: async (signal) => {
      opened += 1
      let close: (reason: Error) => void = () => {}
      const ended = new Promise<Error>((resolve) => {
        close = resolve
      })
      signal.addEventListener('abort', () => close(new Error('silent')))
      return { ended, closed: false, close } as unknown as RedisConnection
    },
    onConnected: () =>
      new Promise((resolve) => {
        finish = resolve
      }),
    onDisconnected: ({ message }) => void reasons.push(message),
    probe: () => loop.alive(),
  })
  return { loop, reasons, finish: () => finish(), opened: () => opened }
}

test('a connection whose preparation moves on may take minutes', async () => {
  const clock = manualClock()
  const { loop, reasons, finish, opened } = slowHarness(clock)
  await clock.runPending()
  for (let i = 0; i < 20; i++) {
    await clock.advance(6_000)
    loop.alive()
  }
  finish()
  await clock.runPending()
  expect([opened(), reasons, loop.connection !== undefined]).toEqual([1, [], true])
  loop.close()
})

test('a connection whose preparation stands still for 8 s is opened anew', async () => {
  const clock = manualClock()
  const { loop, reasons, opened } = slowHarness(clock)
  await clock.runPending()
  await clock.advance(6_000)
  loop.alive()
  await clock.advance(7_900)
  expect(reasons).toEqual([])
  await clock.advance(2_000)
  expect([opened(), reasons]).toEqual([2, ['silent']])
  loop.close()
})
