/** Presence: rows of clients and connections, within a limit. */
import { expect, test } from 'vitest'
import type { JournalHandler } from '../../src/journal/journal.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { createHubHarness } from '../support/hub-harness.ts'
import { createLateJournal } from '../support/late-journal.ts'
import { createSharedJournal } from '../support/shared-journal.ts'

test('a row of a connection names the instance only where hubs share the journal', async () => {
  const shared = createHubHarness({ journal: createSharedJournal })
  await shared.connect('alice')
  expect((await shared.hub.connections('everyone')).rows).toMatchObject([
    { instance: 'i-1', connection: 'c-1', client: 'alice' },
  ])
  const alone = createHubHarness()
  expect(alone.hub.ready).toBe(true)
  await alone.connect('alice')
  expect((await alone.hub.connections('everyone')).rows[0]).not.toHaveProperty('instance')
})

test('a row of a connection has its cursor, once it has one', async () => {
  const { hub, connect, connectNow, broadcast } = createHubHarness()
  await connect('alice')
  const [id] = await broadcast('a')
  connectNow('bob')
  const { rows } = await hub.connections('everyone')
  expect(rows.map(({ cursor }) => cursor)).toEqual([id, id])
})

test('a row of a client counts all its connections, and dates from the oldest', async () => {
  const { clock, hub, connect } = createHubHarness()
  const since = clock.now()
  const { stream, connection } = await connect('alice')
  await clock.advance(1_000)
  await connect('alice')
  stream.stall()
  await hub.publish({ client: 'alice' }, { data: 'x' })
  await clock.runPending()
  const { queuedBytes } = connection
  expect(queuedBytes).toBeGreaterThan(0)
  expect((await hub.clients()).rows).toEqual([
    { client: 'alice', connections: 2, since, queuedBytes },
  ])
})

test('a list has a thousand rows by default, ten at a limit of ten, and none at a limit of zero', async () => {
  const { hub, connectNow } = createHubHarness()
  for (let n = 0; n < 1_001; n++) connectNow(`client-${n}`)
  for (const [limit, count] of [
    [undefined, 1_000],
    [10, 10],
    [0, 0],
    [10_000, 1_001],
  ] as const) {
    const [clients, connections] = [
      await hub.clients(limit),
      await hub.connections('everyone', limit),
    ]
    expect([clients.rows.length, clients.total]).toEqual([count, 1_001])
    expect([connections.rows.length, connections.total]).toEqual([count, 1_001])
  }
})

test('a row has the context of its own connection, and none of another instance with the same id', async () => {
  const { hub } = createHubHarness({
    journal: (clock) => {
      const { backplane, ...journal } = createSharedJournal(clock)
      if (!backplane) throw new Error('It has a backplane.')
      const request: typeof backplane.request = async (...args) => {
        const { responses } = await backplane.request(...args)
        const row = { instance: 'i-2', connection: 'c-1', client: 'bob', topics: [], since: 1 }
        const other = { ...row, queuedBytes: 0, queuedEvents: 0 }
        return { responses: [...responses, { rows: [other], total: 1 }], asked: 2 }
      }
      return { ...journal, backplane: { ...backplane, request } }
    },
  })
  hub.connect({ client: 'alice', stream: fakeStream(), context: { role: 'admin' } })
  hub.connect({ client: 'alice', stream: fakeStream() })
  const { rows } = await hub.connections('everyone')
  const byId = new Map(rows.map((row) => [`${row.instance} ${row.connection}`, row]))
  expect(byId.get('i-1 c-1')).toHaveProperty('context', { role: 'admin' })
  expect(byId.get('i-1 c-2')).not.toHaveProperty('context')
  expect(byId.get('i-2 c-1')).not.toHaveProperty('context')
})

test('a row has no cursor before its stream has opened', async () => {
  const { hub, connect } = createHubHarness({ journal: (clock) => createLateJournal({ clock }) })
  await connect('alice')
  const { rows } = await hub.connections('everyone')
  expect(rows).toMatchObject([{ client: 'alice' }])
  expect(rows[0]?.cursor).toBeUndefined()
})

test('of the clients that are asked for by name, those that are connected are listed, up to the limit', async () => {
  let handler: JournalHandler | undefined
  const { connect } = createHubHarness({
    journal: (clock) => {
      const journal = createSharedJournal(clock)
      const open = (hub: JournalHandler) => {
        handler = hub
        journal.open(hub)
      }
      return { ...journal, open }
    },
  })
  for (const client of ['alice', 'bob', 'carol']) await connect(client)
  const ask = (limit: number) =>
    handler?.respond({ type: 'clients', limit, of: ['carol', 'nobody', 'alice'] }, 0)
  expect(ask(10)).toMatchObject({ rows: [{ client: 'carol' }, { client: 'alice' }], total: 2 })
  expect(ask(1)).toMatchObject({ rows: [{ client: 'carol' }], total: 2 })
})

test('the first topics are listed in alphabetical order, with the connections that follow them', async () => {
  const { hub, connectNow } = createHubHarness()
  connectNow('alice', { topics: ['news', 'Zoo', '__proto__'] })
  const { connection } = connectNow('bob', { topics: ['news', '\u{1F600}', '\uFFFD'] })
  for (let n = 20; n > 0; n--) connectNow(`client-${n}`, { topics: [`topic-${n + 10}`] })
  const first = [
    { topic: 'Zoo', connections: 1 },
    { topic: '__proto__', connections: 1 },
    { topic: 'news', connections: 2 },
  ]
  expect(await hub.topics({ limit: 3 })).toEqual({ rows: first, total: 25 })
  expect(await hub.topics({ limit: 0 })).toEqual({ rows: [], total: 25 })
  const all = (await hub.topics()).rows.map(({ topic }) => topic)
  expect(all).toHaveLength(25)
  expect(all).toEqual([...all].sort())
  connection.disconnect()
  expect((await hub.topics({ limit: 3 })).total).toBe(23)
})

test.each([{ limit: -1 }, { limit: 1.5 }, { limit: '3' }, { limits: 3 }, 3, null])(
  'topics are not listed with the options %j',
  async (options) => {
    const { hub } = createHubHarness()
    await expect(hub.topics(options as never)).rejects.toMatchObject({ code: 'invalid-option' })
  },
)
