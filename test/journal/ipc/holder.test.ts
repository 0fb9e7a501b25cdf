/** The holder: control requests, names that are used once, presence, and processes that die. */
import { describe, expect, test } from 'vitest'
import { clientKey, EVERYONE } from '../../../src/core/address.ts'
import { HubError } from '../../../src/core/errors.ts'
import type { OnlineClients } from '../../../src/journal/backplane.ts'
import { createHolder } from '../../../src/journal/ipc/holder.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { manualClock } from '../../support/clock.ts'
import { until } from '../../support/eventually.ts'
import { createIpcWorld } from '../../support/ipc-journals.ts'

const REQUEST = { type: 'clients', limit: 1 }

describe('a control request', () => {
  test('reaches all processes, its sender included, and resolves with their responses', async () => {
    const { start } = createIpcWorld()
    const one = await start()
    const other = await start()
    const { responses, asked } = await one.journal.backplane.request(REQUEST, 0)
    expect(responses).toHaveLength(2)
    expect(responses).toEqual(expect.arrayContaining([{ by: '1' }, { by: '2' }]))
    expect(asked).toBe(2)
    expect(other.requests).toEqual([{ request: REQUEST, remainingMs: 0 }])
  })

  test('is answered without those that do not know it, fail, die or hang', async () => {
    const { start, clock, errors } = createIpcWorld()
    const one = await start()
    await start([], () => undefined)
    await start([], () => {
      throw new Error('broken')
    })
    const dying = await start()
    const hanging = await start()
    hanging.stop()
    dying.stop()
    const result = one.journal.backplane.request(REQUEST, 0)
    await until('it arrives', () => errors.length === 1)
    dying.die()
    await clock.advance(2_000)
    expect(await result).toEqual({ responses: [{ by: '1' }], asked: 5 })
  })

  test('that is kept reaches processes that start later, until it expires', async () => {
    const { start, clock } = createIpcWorld()
    const one = await start()
    await one.journal.backplane.request(REQUEST, 10_000)
    await clock.advance(4_000)
    const later = await start()
    expect(later.requests).toEqual([{ request: REQUEST, remainingMs: 6_000 }])
    await clock.advance(6_000)
    expect((await start()).requests).toEqual([])
  })

  test('that need not be kept once all have responded is forgotten then', async () => {
    const { start, clock } = createIpcWorld()
    const one = await start()
    await one.journal.backplane.request(REQUEST, 10_000, 'answered')
    expect((await start()).requests).toEqual([])
    const silent = await start([], () => undefined)
    await one.journal.backplane.request(REQUEST, 10_000, 'answered')
    silent.die()
    await clock.advance(1)
    expect((await start()).requests).toHaveLength(1)
  })
})

test('a name is used once, whichever process asks', async () => {
  const { start } = createIpcWorld()
  const one = await start()
  const other = await start()
  const uses = await Promise.all(
    [one, other, one].map(({ journal }) => journal.backplane.useOnce('ticket', 1_000)),
  )
  expect(uses.filter((first) => first)).toHaveLength(1)
})

test('an error of the journal reaches the process that caused it, with its code', async () => {
  const journal = {
    ...createMemoryJournal(),
    append: () => {
      throw new HubError('journal-unavailable', 'The disk is full.')
    },
    read: async () => {
      throw new Error('broken')
    },
  }
  const errors: unknown[] = []
  const clock = manualClock()
  const sent: unknown[] = []
  const holder = createHolder({ journal, clock, onError: (error) => void errors.push(error) })
  const end = holder.connect({ post: ({ items }) => void sent.push(...items) })
  const calls = [
    ['append', 1, EVERYONE, { data: 'a' }],
    ['read', 2, [EVERYONE], undefined, 1],
  ]
  end.onMessage({ items: calls })
  await clock.runPending()
  expect(errors).toEqual([new Error('broken')])
  expect(sent).toEqual([
    ['failed', 1, 'journal-unavailable', 'The disk is full.'],
    ['failed', 2, 'journal-unavailable', 'broken'],
  ])
})

test('a call that the holder does not know is reported, and what follows it is done', async () => {
  const { holder, errors, start } = createIpcWorld()
  const end = holder.connect({ post: () => {} })
  end.onMessage({
    items: [
      ['dance', 1],
      ['append', 1, EVERYONE, { data: 'a' }],
    ],
  })
  expect(errors).toEqual([expect.any(TypeError)])
  const { journal } = await start()
  expect(journal.head().sequence).toBe(1)
})

test('the holder has a timer only while it has members', async () => {
  const { start, clock } = createIpcWorld()
  expect(clock.timers).toBe(0)
  const one = await start()
  const other = await start()
  one.die()
  // The other process has one, too.
  expect(clock.timers).toBe(2)
  other.die()
  expect(clock.timers).toBe(0)
})

describe('presence', () => {
  /** A process whose hub follows clients, and what it reports. */
  async function follower(world: ReturnType<typeof createIpcWorld>) {
    const own = await world.start()
    const connected = new Set<string>()
    const reports: string[] = []
    const times: number[] = []
    const record = (text: string, at: number) => {
      reports.push(text)
      times.push(at)
    }
    const online = own.journal.backplane.presence?.follow({
      clock: world.clock,
      graceMs: 1_000,
      isConnected: (client) => connected.has(client),
      clients: () => connected,
      count: () => ({ clients: connected.size }),
      hooks: {
        onClientOnline: (client, at) => record(`${client}+`, at),
        onClientOffline: (client, at) => record(`${client}-`, at),
        onError: (error) => void reports.push(String(error)),
      },
    }) as OnlineClients
    const connect = (client: string) => {
      connected.add(client)
      online.update(client)
    }
    return { ...own, connect, reports, times, online }
  }

  test('clients of a process that dies go offline when the grace has passed, or stay if they return', async () => {
    const world = createIpcWorld()
    const one = await follower(world)
    const other = await follower(world)
    one.connect('alice')
    one.connect('bob')
    await until('both are online', () => one.reports.length === 2)
    await world.clock.advance(2_000)
    one.die()
    other.connect('bob')
    await world.clock.advance(1_500)
    await until('one is offline', () => other.reports.length === 1)
    expect(other.reports).toEqual(['alice-'])
  })

  test('a report that was lost with its process is repeated by another, with the time when it was made', async () => {
    const world = createIpcWorld()
    const start = world.clock.now()
    const one = await follower(world)
    const other = await follower(world)
    one.stop()
    one.connect('alice')
    await world.clock.advance(100)
    one.die()
    await until('it is repeated', () => other.reports.length > 0)
    expect([other.reports[0], other.times[0]]).toEqual(['alice+', start])
  })

  test('the last process that dies leaves no timer and no client behind', async () => {
    const world = createIpcWorld()
    const one = await follower(world)
    one.connect('alice')
    await until('it is online', () => one.reports.length === 1)
    one.die()
    await world.clock.advance(2_000)
    expect(world.clock.timers).toBe(0)
    const next = await follower(world)
    next.connect('alice')
    await until('it is online again', () => next.reports.length === 1)
  })
})

test('the connections of a process that has died no longer count', async () => {
  const { start } = createIpcWorld()
  const alice = clientKey('alice')
  const [one, other] = [await start([alice]), await start([alice])]
  for (const { journal } of [one, other]) {
    journal.backplane.count?.(alice, 1)
    await journal.read([alice], undefined, 1)
  }
  one.die()
  expect(await other.journal.append(alice, { data: 'a' })).toMatchObject({ connections: 1 })
})
