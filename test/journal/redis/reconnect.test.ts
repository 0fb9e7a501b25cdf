/** A connection that is lost again and again is reopened at growing intervals, until one has held for a while. */
import { expect, test } from 'vitest'
import type { RedisConnection } from '../../../src/journal/redis/connection.ts'
import { startReconnectLoop } from '../../../src/journal/redis/reconnect.ts'
import { type ManualClock, manualClock } from '../../support/clock.ts'

/** Connections that open at once and stay open until `lose` is called. */
function harness(clock: ManualClock, answers = true) {
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
    probe: () => {
      if (link.answers) loop.alive()
    },
  })
  const link = { loop, openedAt, lose: () => lose(new Error('lost')), answers }
  return link
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

test.each([-3_600_000, 3_600_000])(
  'how long a connection lasted is not changed by wall time that jumps by %d ms',
  async (jumpMs) => {
    const clock = manualClock()
    const link = harness(clock)
    await clock.runPending()
    for (let i = 0; i < 4; i++) {
      clock.moveWallTime(jumpMs)
      await pauseAfter(clock, link, 4_900)
    }
    clock.moveWallTime(jumpMs)
    expect(await pauseAfter(clock, link, 4_900)).toBe(800)
    clock.moveWallTime(jumpMs)
    expect(await pauseAfter(clock, link, 5_000)).toBe(50)
    link.loop.close()
  },
)

test('a connection on which Redis is silent for 6 to 8 s is reopened', async () => {
  const clock = manualClock()
  const link = harness(clock)
  await clock.runPending()
  await clock.advance(10_000)
  link.answers = false
  await clock.advance(6_000)
  expect(link.openedAt).toHaveLength(1)
  await clock.advance(2_100)
  expect(link.openedAt).toHaveLength(2)
  link.loop.close()
})

test('a process that stood still asks Redis again before it drops the connection', async () => {
  const clock = manualClock()
  const link = harness(clock)
  await clock.runPending()
  for (let i = 0; i < 3; i++) {
    clock.suspend(60_000)
    await clock.advance(3_000)
  }
  expect(link.openedAt).toHaveLength(1)
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

test('a process that stood still goes on preparing its connection', async () => {
  const clock = manualClock()
  const { loop, finish, opened } = slowHarness(clock)
  await clock.runPending()
  clock.suspend(60_000)
  await clock.advance(1_000)
  finish()
  await clock.runPending()
  expect([opened(), loop.connection !== undefined]).toEqual([1, true])
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

/** A loop whose connections the test opens, prepares and loses. */
function manualHarness(clock: ManualClock) {
  const events: string[] = []
  const signals: AbortSignal[] = []
  const opening: { resolve(connection: RedisConnection): void; reject(error: Error): void }[] = []
  let prepare: () => void = () => {}
  const loop = startReconnectLoop({
    clock,
    random: () => 0.25,
    open: (signal) => {
      signals.push(signal)
      return new Promise((resolve, reject) => opening.push({ resolve, reject }))
    },
    onConnected: () =>
      new Promise((resolve) => {
        prepare = resolve
      }),
    onDisconnected: ({ message }) => void events.push(message),
    probe: () => void events.push('probe'),
  })
  let lose: (reason: Error) => void = () => {}
  const open = () => {
    const ended = new Promise<Error>((resolve) => {
      lose = resolve
    })
    const close = (reason: Error) => {
      events.push(`closed: ${reason.message}`)
      lose(reason)
    }
    opening.at(-1)?.resolve({ ended, closed: false, close } as RedisConnection)
    return clock.runPending()
  }
  const lost = () => {
    lose(new Error('lost'))
    return clock.runPending()
  }
  const prepared = () => {
    prepare()
    return clock.runPending()
  }
  const refuse = (reason: string) => {
    opening.at(-1)?.reject(new Error(reason))
    return clock.runPending()
  }
  return { loop, events, signals, open, prepared, lost, refuse }
}

const UNPREPARED = 'closed: The connection could not be prepared.'

test('a connection that can’t be opened is reported with its reason, and opened again after a random pause', async () => {
  const clock = manualClock()
  const { loop, events, signals, refuse } = manualHarness(clock)
  await refuse('refused')
  expect([events, clock.timers]).toEqual([['refused'], 1])
  await clock.advance(37)
  expect(signals).toHaveLength(1)
  await clock.advance(0.5)
  expect(signals).toHaveLength(2)
  loop.close()
})

test('a connection that is lost while it is prepared is not used', async () => {
  const clock = manualClock()
  const { loop, events, open, lost } = manualHarness(clock)
  await open()
  await lost()
  expect(events).toEqual([UNPREPARED, 'lost'])
  expect([loop.connection, clock.timers]).toEqual([undefined, 1])
  loop.close()
})

test('opening a connection is abandoned after exactly 8 s of silence', async () => {
  const clock = manualClock()
  const { loop, signals } = manualHarness(clock)
  await clock.advance(7_999)
  expect(signals[0]?.aborted).toBe(false)
  await clock.advance(1)
  expect(signals[0]?.aborted).toBe(true)
  loop.close()
})

test('a connection on which Redis is silent is closed with the reason', async () => {
  const clock = manualClock()
  const { loop, events, open, prepared } = manualHarness(clock)
  await open()
  await prepared()
  await clock.advance(8_000)
  const reason = 'Redis has not responded for 6 seconds.'
  expect(events).toEqual([...Array(4).fill('probe'), `closed: ${reason}`, UNPREPARED, reason])
  loop.close()
})

test('a loop that is closed ends its connection, and opens no other', async () => {
  const clock = manualClock()
  const { loop, events, signals, open, prepared } = manualHarness(clock)
  await open()
  await prepared()
  expect(loop.connection).toBeDefined()
  loop.close()
  await clock.advance(10_000)
  expect(events).toEqual(['probe', 'closed: The journal is closed.', UNPREPARED])
  expect([signals.length, clock.timers, loop.connection]).toEqual([1, 0, undefined])
})

test('a loop that is closed while it opens a connection gives up', async () => {
  const clock = manualClock()
  const { loop, events, signals, refuse } = manualHarness(clock)
  loop.close()
  expect(signals[0]?.aborted).toBe(true)
  await refuse('aborted')
  await clock.advance(10_000)
  expect([events, signals.length, clock.timers]).toEqual([[], 1, 0])
})

test('a loop that is closed during a pause ends it', async () => {
  const clock = manualClock()
  const { loop, signals, refuse } = manualHarness(clock)
  await refuse('refused')
  loop.close()
  expect(clock.timers).toBe(0)
  await clock.advance(10_000)
  expect(signals).toHaveLength(1)
})
