/** The tabs of a browser share one stream: each receives every event once and in order, whoever leads. */
import { expect, onTestFinished, test } from 'vitest'
import { type ClientOptions, type ClientStream, connect } from '../../../src/client/connect.ts'
import type { Gap } from '../../../src/client/stream-types.ts'
import { createApp } from '../../../src/http/app.ts'
import { createHub } from '../../../src/hub/hub.ts'
import {
  createMemoryJournal,
  type MemoryJournalOptions,
} from '../../../src/journal/memory/journal.ts'
import { manualClock } from '../../support/clock.ts'
import { createFakeBrowser, type FakeTab } from '../../support/fake-browser.ts'
import { seeded } from '../../support/seeded-random.ts'

interface Tab {
  readonly tab: FakeTab
  readonly stream: ClientStream
  readonly received: string[]
  readonly gaps: Gap[]
}

function createWorld(journal: MemoryJournalOptions = {}) {
  const clock = manualClock()
  const hub = createHub({
    clock,
    random: () => 0.5,
    journal: createMemoryJournal({ clock, ...journal }),
  })
  const app = createApp({ hub, access: 'anyone' })
  const streams = { opened: 0 }
  const fetchApp = (async (url: string, init?: RequestInit) => {
    if (isOffline) throw new TypeError('Failed to fetch')
    streams.opened += 1
    return await app.request(url, init)
  }) as typeof fetch
  const browser = createFakeBrowser(clock, fetchApp)
  let isOffline = false
  const random = seeded(1)
  const world = { clock, hub, streams, openTab, publish, connections, offline }
  return world

  async function openTab(options: Partial<ClientOptions> = {}): Promise<Tab> {
    const tab = browser.open()
    const stream = connect({
      url: 'http://hub/sse',
      client: 'alice',
      ...options,
      clock: tab.clock,
      random,
      browser: tab.browser,
      fetch: tab.fetch,
    })
    onTestFinished(stream.close)
    const received: string[] = []
    const gaps: Gap[] = []
    stream.onAny(({ data }) => received.push(data))
    stream.onGap((gap) => gaps.push(gap))
    await clock.runPending()
    return { tab, stream, received, gaps }
  }

  async function publish(data: string, topic?: string): Promise<void> {
    await hub.publish(topic === undefined ? { client: 'alice' } : { topic }, { data })
    await clock.runPending()
  }

  function connections(): number {
    return hub.stats().connections
  }

  function offline(next: boolean): void {
    isOffline = next
  }
}

test('ten tabs share one connection, and each receives every event', async () => {
  const world = createWorld()
  const tabs: Tab[] = []
  for (let n = 0; n < 10; n += 1) tabs.push(await world.openTab())
  expect(world.connections()).toBe(1)
  await world.publish('one')
  await world.publish('two')
  for (const { received, stream } of tabs) {
    expect(received).toEqual(['one', 'two'])
    expect(stream.status).toMatchObject({ state: 'live', client: 'alice' })
  }
})

test.each(['close', 'crash', 'suspend'] as const)(
  'another tab takes over after the %s of the leader, without loss',
  async (end) => {
    const world = createWorld()
    const leader = await world.openTab()
    const other = await world.openTab()
    const third = await world.openTab()
    await world.publish('one')
    if (end === 'close') leader.stream.close()
    else leader.tab[end]()
    await world.publish('two')
    await world.clock.advance(5_000)
    await world.publish('three')
    for (const { received } of [other, third]) expect(received).toEqual(['one', 'two', 'three'])
    expect(world.connections()).toBe(1)
  },
)

test('a tab that hangs loses the lock, and receives everything once it resumes', async () => {
  const world = createWorld()
  const leader = await world.openTab()
  const other = await world.openTab()
  leader.tab.hang()
  await world.publish('one')
  await world.clock.advance(40_000)
  expect(other.received).toEqual(['one'])
  await world.publish('two')
  leader.tab.thaw()
  await world.clock.advance(40_000)
  await world.publish('three')
  expect(leader.received).toEqual(['one', 'two', 'three'])
  expect(other.received).toEqual(['one', 'two', 'three'])
  expect(world.connections()).toBe(1)
})

test('each tab receives the events of its own topics', async () => {
  const world = createWorld()
  const news = await world.openTab({ topics: ['news'] })
  const sport = await world.openTab({ topics: ['sport'] })
  await world.clock.advance(1_000)
  expect(world.connections()).toBe(1)
  await world.publish('goal', 'sport')
  await world.publish('vote', 'news')
  await world.publish('hello')
  expect(news.received).toEqual(['vote', 'hello'])
  expect(sport.received).toEqual(['goal', 'hello'])
})

test('a tab that returns from the cache reads what it missed', async () => {
  const world = createWorld()
  const leader = await world.openTab()
  const away = await world.openTab()
  away.tab.suspend()
  await world.publish('one')
  away.tab.resume()
  await world.clock.advance(16_000)
  await world.publish('two')
  expect(away.received).toEqual(['one', 'two'])
  expect(leader.received).toEqual(['one', 'two'])
  expect(world.connections()).toBe(1)
})

test('a gap of one tab is not reported to the others', async () => {
  const world = createWorld({ maxEvents: 2 })
  const leader = await world.openTab()
  const away = await world.openTab()
  await world.publish('one')
  away.tab.suspend()
  for (const data of ['two', 'three', 'four', 'five']) await world.publish(data)
  away.tab.resume()
  await world.clock.advance(16_000)
  expect(away.gaps).toHaveLength(1)
  expect(leader.gaps).toEqual([])
})

const ACTIONS = ['publish', 'open', 'close', 'crash', 'hang', 'thaw', 'suspend', 'resume'] as const

/** Plays a random program, lets all tabs recover, and returns what each of those that are left received. */
async function playTabs(seed: number) {
  const world = createWorld()
  const random = seeded(seed)
  const published: string[] = []
  const tabs: (Tab & { liveAt: number; is: string })[] = []
  const log: string[] = []
  for (let step = 0; step < 60; step += 1) {
    const action = ACTIONS[Math.floor(random() * ACTIONS.length)] ?? 'publish'
    const tab = tabs[Math.floor(random() * tabs.length)]
    log.push(`${action} ${tab ? tabs.indexOf(tab) : ''}`)
    if (action === 'publish' || random() < 0.3) {
      published.push(`${published.length}`)
      await world.publish(`${published.length - 1}`)
    }
    if (action === 'open' && tabs.length < 6) {
      const opened = { ...(await world.openTab()), liveAt: Number.POSITIVE_INFINITY, is: 'running' }
      const note = () => {
        if (opened.stream.status.state === 'live')
          opened.liveAt = Math.min(opened.liveAt, published.length)
      }
      note()
      opened.stream.onStatus(note)
      tabs.push(opened)
    }
    if (
      tab?.is === 'running' &&
      (action === 'hang' || action === 'crash' || action === 'suspend')
    ) {
      tab.tab[action]()
      tab.is = action
    }
    if (tab?.is === 'hang' && action === 'thaw') {
      tab.tab.thaw()
      tab.is = 'running'
    }
    if (tab?.is === 'suspend' && action === 'resume') {
      tab.tab.resume()
      tab.is = 'running'
    }
    if (tab?.is === 'running' && action === 'close') {
      tab.stream.close()
      tab.is = 'closed'
    }
    if (random() < 0.2) await world.hub.disconnect('alice')
    await world.clock.advance(random() < 0.2 ? 20_000 * random() : 300 * random())
  }
  for (const { tab, is } of tabs) {
    if (is === 'hang') tab.thaw()
    if (is === 'suspend') tab.resume()
  }
  await world.clock.advance(60_000)
  published.push('last')
  await world.publish('last')
  const left = tabs.filter(({ is }) => is !== 'crash' && is !== 'closed')
  return { world, published, left, log }
}

test.each(Array.from({ length: 60 }, (_, n) => n + 1))(
  'after random crashes, hangs and returns every tab has every event once: seed %d',
  async (seed) => {
    const { world, published, left, log } = await playTabs(seed)
    for (const { received, liveAt, gaps } of left) {
      const start = published.length - received.length
      expect(received, log.join('\n')).toEqual(published.slice(start))
      expect(start).toBeLessThanOrEqual(liveAt)
      expect(gaps).toEqual([])
    }
    expect(world.connections()).toBe(left.length > 0 ? 1 : 0)
  },
)
