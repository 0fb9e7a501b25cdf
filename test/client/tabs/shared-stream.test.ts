/** The tabs of a browser share one stream: each receives every event once and in order, whoever leads. */
import { expect, test } from 'vitest'
import { createTabWorld as createWorld, type Tab } from '../../support/tab-world.ts'

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

test('a new tab receives what is retained, and then follows the others', async () => {
  const world = createWorld()
  const retain = async (key: string, data: string) => {
    await world.hub.publish({ topic: 'news' }, { key, data, retain: true })
    await world.clock.runPending()
  }
  await retain('a', 'a1')
  const first = await world.openTab({ topics: ['news'] })
  await world.publish('one')
  await retain('b', 'b1')
  const second = await world.openTab({ topics: ['news'] })
  await world.clock.advance(5_000)
  await retain('a', 'a2')
  first.stream.close()
  await world.clock.advance(5_000)
  const third = await world.openTab({ topics: ['news'] })
  await world.clock.advance(5_000)
  await world.publish('two')
  expect(first.received).toEqual(['a1', 'one', 'b1', 'a2'])
  expect(second.received).toEqual(['a1', 'b1', 'a2', 'two'])
  expect(third.received).toEqual(['b1', 'a2', 'two'])
  expect(world.connections()).toBe(1)
})

test('a new tab receives what is retained of topics that another tab has added', async () => {
  const world = createWorld()
  await world.hub.publish({ topic: 'sport' }, { data: '1:0', retain: true })
  const tabs = [await world.openTab({ topics: ['news'] })]
  for (let n = 0; n < 2; n++) {
    tabs.push(await world.openTab({ topics: ['sport'] }))
    await world.clock.advance(30_000)
  }
  await world.publish('end')
  expect(tabs.map(({ received }) => received)).toEqual([['end'], ['1:0', 'end'], ['1:0', 'end']])
  expect(world.connections()).toBe(1)
})

test('a new tab receives what is retained, also if the first one started after it', async () => {
  const world = createWorld()
  await world.hub.publish({ topic: 'sport' }, { data: '1:0', retain: true })
  await world.openTab({ topics: ['sport'], lastEventId: world.hub.cursor })
  const second = await world.openTab({ topics: ['sport'] })
  await world.clock.advance(5_000)
  await world.publish('end')
  expect(second.received).toEqual(['1:0', 'end'])
  expect(world.connections()).toBe(1)
})

test('topics that a ticket adds are for all tabs', async () => {
  const world = createWorld()
  const ticket = () => world.ticket({ client: 'alice', topics: ['news'] })
  const tabs = [await world.openTab({ ticket }), await world.openTab({ ticket })]
  await world.publish('one', 'news')
  expect(tabs.map(({ received }) => received)).toEqual([['one'], ['one']])
  expect(world.connections()).toBe(1)
})

test('a tab that reads what is retained once more does not disturb the others', async () => {
  const world = createWorld()
  await world.hub.publish({ topic: 'sport' }, { data: '1:0', retain: true })
  const first = await world.openTab({ topics: ['news'] })
  const other = await world.openTab({ topics: ['sport'] })
  await world.clock.advance(30_000)
  await world.publish('one')
  // So does a page that follows further topics.
  const lastEventId = `${first.stream.cursor}r`
  const again = await world.openTab({ topics: ['news', 'sport'], lastEventId })
  first.stream.close()
  await world.clock.advance(30_000)
  await world.publish('two')
  expect(again.received).toEqual(['1:0', 'two'])
  expect(other.received).toEqual(['1:0', 'one', 'two'])
  expect(world.connections()).toBe(1)
})

test.each([
  ['a hub that gives no cursor meanwhile', ''],
  ['a hub', 'id: e-9r\n'],
])('a new tab of %s reads all that is retained while the leader still does', async (_, id) => {
  const world = createWorld()
  const encoder = new TextEncoder()
  const streams: ReadableStreamDefaultController<Uint8Array>[] = []
  world.refuse(() => {
    const body = new ReadableStream<Uint8Array>({ start: (stream) => void streams.push(stream) })
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } })
  })
  const send = async (stream: number, frame: string) => {
    streams[stream]?.enqueue(encoder.encode(`${frame}\n\n`))
    await world.clock.runPending()
  }
  const ready = `${id}event: hub:ready\ndata: {"client":"alice","topics":[],"resume":"fresh","heartbeatMs":15000}`
  const retained = (n: number) => `: key ${n}\n: retained\ndata: ${n}`
  const leader = await world.openTab()
  await send(0, ready)
  await send(0, retained(1))
  const other = await world.openTab()
  await send(1, ready)
  for (const n of [2, 3]) await send(0, retained(n))
  for (const n of [1, 2, 3]) await send(1, retained(n))
  for (const stream of [1, 0]) await send(stream, 'id: e-9\nevent: hub:beat\ndata: 15')
  await send(0, 'id: e-10\ndata: live')
  expect(leader.received).toEqual(['1', '2', '3', 'live'])
  expect(other.received).toEqual(leader.received)
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

test('each tab receives the events of its own patterns', async () => {
  const world = createWorld()
  const one = await world.openTab({ topics: ['a/*'] })
  const all = await world.openTab({ topics: ['a/**'] })
  const exact = await world.openTab({ topics: ['a/1'] })
  await world.clock.advance(1_000)
  expect(world.connections()).toBe(1)
  for (const topic of ['a/1', 'a/1/2', 'b/1']) await world.publish(topic, topic)
  expect([one, all, exact].map(({ received }) => received)).toEqual([
    ['a/1'],
    ['a/1', 'a/1/2'],
    ['a/1'],
  ])
})

test('topics that a pattern of another tab covers need no other stream, and no room in it', async () => {
  const world = createWorld()
  const first = await world.openTab({ topics: ['a/0'] })
  const all = await world.openTab({ topics: ['a/**'] })
  await world.clock.advance(1_000)
  const { length } = world.requests
  const tabs: Tab[] = []
  for (let n = 1; n <= 60; n++) tabs.push(await world.openTab({ topics: [`a/${n}`] }))
  const deeper = await world.openTab({ topics: ['a/*', 'a/1/*'] })
  await world.clock.advance(1_000)
  expect([world.connections(), world.requests.length]).toEqual([1, length])
  for (const topic of ['a/0', 'a/1', 'a/1/2', 'b/1']) await world.publish(topic, topic)
  expect([first, all, deeper, ...tabs.slice(0, 2)].map(({ received }) => received)).toEqual([
    ['a/0'],
    ['a/0', 'a/1', 'a/1/2'],
    ['a/0', 'a/1', 'a/1/2'],
    ['a/1'],
    [],
  ])
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

test.each([null, ''])(
  'a tab whose cursor is %j follows like one without a cursor',
  async (cursor) => {
    const world = createWorld()
    const leader = await world.openTab({ lastEventId: cursor })
    await world.publish('before')
    const follower = await world.openTab({ lastEventId: cursor })
    await world.publish('one')
    expect(leader.received).toEqual(['before', 'one'])
    expect(follower.received).toEqual(['one'])
    expect(world.requests).toHaveLength(1)
  },
)
