/** Sharing a stream when something is wrong: with the hub, the network, the browser, a tab or its topics. */
import { expect, test } from 'vitest'
import { createTabWorld, type Refusal } from '../../support/tab-world.ts'

const problem = (status: number, detail = 'No.') =>
  Response.json({ detail }, { status, headers: { 'Content-Type': 'application/problem+json' } })

/** Refuses streams that follow a topic. */
const refusing =
  (topic: string, status: number): Refusal =>
  ({ searchParams }) =>
    searchParams.getAll('topic').includes(topic) ? problem(status) : undefined

test.each(['shutdown', 'kill'] as const)(
  'after a %s of a hub with a journal in memory each tab reports one gap',
  async (how) => {
    const world = createTabWorld()
    const tabs = [await world.openTab(), await world.openTab(), await world.openTab()]
    await world.publish('one')
    await world.restart(how)
    await world.publish('two')
    await world.clock.advance(60_000)
    await world.publish('three')
    for (const { received, gaps } of tabs) {
      expect(gaps).toEqual([expect.objectContaining({ reason: 'epoch' })])
      expect(received).toEqual(['one', 'two', 'three'])
    }
    expect(world.connections()).toBe(1)
  },
)

test('a tab that reads by itself while the hub restarts joins the others again', async () => {
  const world = createTabWorld()
  const leader = await world.openTab()
  const away = await world.openTab()
  await world.publish('one')
  away.tab.suspend()
  await world.publish('two')
  away.network(false)
  away.tab.resume()
  await world.clock.advance(1_000)
  // It holds what the others receive.
  await world.publish('three')
  await world.restart('kill')
  away.network(true)
  await world.clock.advance(60_000)
  await world.publish('four')
  expect(away.gaps).toHaveLength(1)
  expect(leader.gaps).toHaveLength(1)
  expect(leader.received).toEqual(['one', 'two', 'three', 'four'])
  expect(away.received).toEqual(['one', 'four'])
  expect(world.connections()).toBe(1)
})

test('a leader that is behind does not report its own gap to the others', async () => {
  const world = createTabWorld({ maxEvents: 2 })
  const leader = await world.openTab()
  const other = await world.openTab()
  await world.publish('one')
  leader.tab.suspend()
  other.tab.hang()
  other.tab.thaw()
  for (const data of ['two', 'three', 'four', 'five']) await world.publish(data)
  // It leads again, from where it was.
  leader.network(false)
  leader.tab.resume()
  await world.clock.advance(100)
  other.stream.onStatus(() => {})
  other.tab.suspend()
  await world.clock.advance(100)
  other.tab.resume()
  leader.network(true)
  await world.clock.advance(60_000)
  expect(leader.gaps).toHaveLength(1)
  expect(other.gaps).toEqual([])
  expect(other.received).toEqual(['one', 'two', 'three', 'four', 'five'])
  expect(world.connections()).toBe(1)
})

test('a tab with a new topic that reads slowly loses no event of it', async () => {
  const world = createTabWorld()
  const leader = await world.openTab()
  const other = await world.openTab({ topics: ['news'] })
  other.network(false)
  world.cut()
  await world.publish('vote', 'news')
  await world.publish('hello')
  await world.clock.advance(60_000)
  other.network(true)
  await world.clock.advance(60_000)
  await world.publish('bye')
  expect(other.received).toEqual(['vote', 'hello', 'bye'])
  expect(leader.received).toEqual(['hello', 'bye'])
  expect(world.connections()).toBe(1)
})

test.each([
  [403, 'unauthorized'],
  [400, 'refused'],
])(
  'a topic that the hub refuses with %d ends only the tab that follows it',
  async (status, reason) => {
    const world = createTabWorld()
    world.refuse(refusing('secret', status))
    const leader = await world.openTab({ topics: ['news'] })
    const other = await world.openTab()
    const refused = await world.openTab({ topics: ['secret'] })
    await world.clock.advance(60_000)
    await world.publish('vote', 'news')
    expect(refused.stream.status).toEqual({ state: 'ended', reason, detail: 'No.' })
    expect(leader.stream.status.state).toBe('live')
    expect(leader.received).toEqual(['vote'])
    await world.publish('hello')
    expect(other.received).toEqual(['hello'])
    expect(world.connections()).toBe(1)
    expect(world.requests.length).toBeLessThan(6)
  },
)

test('a topic that the hub refuses does not keep other tabs from sharing', async () => {
  const world = createTabWorld()
  const leader = await world.openTab({ topics: ['news'] })
  world.refuse(({ searchParams }) =>
    searchParams.getAll('topic').includes('secret') ? problem(403) : undefined,
  )
  const opened = [{ topics: ['secret'] }, { topics: ['sport'] }].map(world.openTab)
  const [, sport] = await Promise.all(opened)
  await world.clock.advance(60_000)
  await world.publish('goal', 'sport')
  await world.publish('vote', 'news')
  expect(sport?.received).toEqual(['goal'])
  expect(leader.received).toEqual(['vote'])
  expect(world.connections()).toBe(1)
  const sent = world.requests.length
  await world.clock.advance(600_000)
  expect(world.requests.length).toBe(sent)
})

test('a topic that only the credential of the leader lacks leaves its tab a stream of its own', async () => {
  const world = createTabWorld()
  // The hub of this test sees the URL only: the leader's requests are those that also follow its topic.
  world.refuse(({ searchParams }) => {
    const topics = searchParams.getAll('topic')
    return topics.includes('news') && topics.includes('vip') ? problem(403) : undefined
  })
  const leader = await world.openTab({ topics: ['news'] })
  const vip = await world.openTab({ topics: ['vip'] })
  const sport = await world.openTab({ topics: ['sport'] })
  await world.clock.advance(60_000)
  for (const topic of ['news', 'vip', 'sport']) await world.publish(topic, topic)
  expect([leader, vip, sport].map(({ received }) => received)).toEqual([
    ['news'],
    ['vip'],
    ['sport'],
  ])
  expect(world.connections()).toBe(2)
  const sent = world.requests.length
  await world.clock.advance(600_000)
  expect(world.requests.length).toBe(sent)
})

test('a credential of the leader that is refused does not end tabs with a better one', async () => {
  const world = createTabWorld()
  let isRefused = false
  const credential = async (name: string) => ({ Authorization: name })
  const stale = await world.openTab({ headers: () => credential('stale') })
  const fresh = await world.openTab({ headers: () => credential('fresh') })
  world.refuse(() => {
    const answer = isRefused && stale.stream.status.state !== 'ended' ? problem(401) : undefined
    return answer
  })
  isRefused = true
  world.cut()
  await world.publish('one')
  await world.clock.advance(60_000)
  expect(stale.stream.status).toMatchObject({ state: 'ended', reason: 'unauthorized' })
  expect(fresh.received).toEqual(['one'])
})

test('a block ends all tabs, one after another, each by an answer of its own', async () => {
  const world = createTabWorld()
  const tabs = [await world.openTab(), await world.openTab(), await world.openTab()]
  const before = world.requests.length
  world.refuse(() => new Response(null, { status: 204 }))
  world.cut()
  await world.clock.advance(60_000)
  for (const { stream } of tabs) {
    expect(stream.status).toEqual({ state: 'ended', reason: 'blocked', detail: undefined })
  }
  expect(world.requests.length).toBe(before + 3)
})

test('a leader without a network hands over to a tab that has one', async () => {
  const world = createTabWorld()
  const leader = await world.openTab()
  const other = await world.openTab()
  leader.network(false)
  world.cut()
  await world.publish('one')
  await world.clock.advance(60_000)
  expect(other.received).toEqual(['one'])
  expect(leader.received).toEqual(['one'])
  expect(world.connections()).toBe(1)
})

test('a leader that is closed as it hands over stays closed, and another tab leads', async () => {
  const world = createTabWorld()
  const leader = await world.openTab()
  const other = await world.openTab()
  leader.network(false)
  other.network(false)
  let attempts = 0
  leader.stream.onStatus(({ state }) => {
    if (state === 'connecting') attempts += 1
    // One after each of three waits.
    if (attempts === 3) leader.stream.close()
  })
  world.cut()
  await world.clock.advance(60_000)
  other.network(true)
  await world.publish('one')
  await world.clock.advance(60_000)
  expect(leader.stream.status).toMatchObject({ state: 'ended', reason: 'closed' })
  expect(other.received).toEqual(['one'])
  expect(world.connections()).toBe(1)
})

test('while the hub is away, ten tabs together retry no more often than one', async () => {
  const world = createTabWorld()
  const tabs = []
  for (let n = 0; n < 10; n += 1) tabs.push(await world.openTab())
  await world.publish('one')
  const before = world.requests.length
  world.refuse(() => problem(503))
  world.cut()
  await world.clock.advance(600_000)
  // 2, 4, 8 and 16 seconds, and then every half minute.
  expect(world.requests.length - before).toBeLessThan(30)
  world.refuse(() => undefined)
  await world.publish('two')
  await world.clock.advance(60_000)
  for (const { received } of tabs) expect(received).toEqual(['one', 'two'])
})

test('a tab that takes over after failures keeps the retry delay of the hub', async () => {
  const world = createTabWorld({}, 300)
  await world.openTab()
  const other = await world.openTab()
  world.offline(true)
  await world.clock.advance(4_000)
  world.offline(false)
  await world.publish('one')
  // After 0.3, 0.6, 1.2, 2.4 and 4.8 seconds, with jitter.
  await world.clock.advance(8_000)
  expect(other.received).toEqual(['one'])
})

test('a visible tab makes a leader retry whose timers are throttled', async () => {
  const world = createTabWorld()
  const leader = await world.openTab()
  const visible = await world.openTab()
  leader.tab.throttle()
  world.cut()
  await world.publish('one')
  await world.clock.advance(10_000)
  expect(visible.received).toEqual(['one'])
  expect(leader.received).toEqual(['one'])
})

test('a tab that becomes visible makes the leader reconnect at once', async () => {
  const world = createTabWorld()
  await world.openTab()
  const other = await world.openTab()
  world.offline(true)
  await world.clock.advance(20_000)
  world.offline(false)
  await world.publish('one')
  other.tab.wake()
  await world.clock.runPending()
  expect(other.received).toEqual(['one'])
})

test('when the network is back for all tabs, failures count anew and one attempt is made', async () => {
  const world = createTabWorld()
  const tabs = []
  for (let n = 0; n < 5; n += 1) tabs.push(await world.openTab())
  world.offline(true)
  await world.clock.advance(200_000)
  world.offline(false)
  world.refuse(() => problem(503))
  const before = world.requests.length
  for (const { tab } of tabs) tab.wake()
  await world.clock.runPending()
  expect(world.requests.length).toBe(before + 1)
  expect(tabs[0]?.stream.status).toMatchObject({ state: 'waiting', until: expect.any(Number) })
})

test('a browser that denies locks gives each tab a stream of its own', async () => {
  const world = createTabWorld()
  const one = await world.openTab({ deniesLocks: true })
  const two = await world.openTab({ deniesLocks: true })
  await world.publish('one')
  for (const { received } of [one, two]) expect(received).toEqual(['one'])
  expect(world.connections()).toBe(2)
  one.stream.close()
  await world.clock.runPending()
  expect(world.connections()).toBe(1)
})

test('closing within a listener ends the stream there, also while held events are delivered', async () => {
  const world = createTabWorld()
  const leader = await world.openTab()
  const away = await world.openTab()
  away.tab.suspend()
  await world.publish('one')
  away.network(false)
  away.tab.resume()
  await world.clock.runPending()
  await world.publish('two')
  await world.publish('three')
  away.stream.onAny(({ data }) => {
    if (data === 'two') away.stream.close()
  })
  away.network(true)
  await world.clock.advance(60_000)
  expect(away.received).toEqual(['one', 'two'])
  leader.stream.onAny(({ data }) => {
    if (data === 'four') leader.stream.close()
  })
  await world.publish('four')
  await world.publish('five')
  expect(leader.received).toEqual(['one', 'two', 'three', 'four'])
  expect(world.connections()).toBe(0)
})

test('topics of tabs that are gone make room for those of new tabs', async () => {
  const world = createTabWorld()
  const leader = await world.openTab()
  for (let n = 0; n < 6; n += 1) {
    const topics = Array.from({ length: 20 }, (_, m) => `room-${n}-${m}`)
    const visitor = await world.openTab({ topics })
    await world.clock.advance(60_000)
    await world.publish('hello', `room-${n}-7`)
    expect(visitor.received).toEqual(['hello'])
    expect(world.connections()).toBe(1)
    visitor.stream.close()
  }
  expect(leader.received).toEqual([])
})

test('tabs with more than 50 topics together share as far as they fit', async () => {
  const world = createTabWorld()
  const topicsOf = (n: number) => Array.from({ length: 20 }, (_, m) => `room-${n}-${m}`)
  const tabs = []
  for (let n = 0; n < 4; n += 1) tabs.push(await world.openTab({ topics: topicsOf(n) }))
  await world.clock.advance(60_000)
  const opened = world.requests.length
  await world.clock.advance(600_000)
  expect(world.requests.length).toBe(opened)
  expect(world.connections()).toBe(3)
  for (let n = 0; n < 4; n += 1) await world.publish(String(n), `room-${n}-3`)
  for (const [n, { received }] of tabs.entries()) expect(received).toEqual([String(n)])
})

test('tabs of another version neither share the lock nor hear each other', async () => {
  const world = createTabWorld()
  await world.openTab()
  expect(JSON.parse(world.channelName)).toEqual(['hono-sse', 1, 'http://hub/sse', 'alice', true])
})
