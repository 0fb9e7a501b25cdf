/** A journal whose methods throw when a timer or a loop over all connections calls them: each error ends one call, and is reported. */
import { expect, test } from 'vitest'
import type { HubOptions } from '../../src/hub/options.ts'
import type { Journal, JournalHandler } from '../../src/journal/journal.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'
import { eventsNamed, publishedData } from '../support/events.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { createHubHarness, SMALL } from '../support/hub-harness.ts'

function setUp(options: HubOptions = {}) {
  const broken = { head: false, unsubscribe: false }
  const reports: unknown[] = []
  let handler: JournalHandler | undefined
  const failIf = (condition: boolean, name: string) => {
    if (condition) throw new Error(name)
  }
  const harness = createHubHarness({
    ...options,
    onError: (error, stage) => void reports.push([stage, (error as Error).message]),
    journal: (clock): Journal => {
      const journal = createMemoryJournal({ clock })
      return {
        ...journal,
        backplane: {
          request: async () => ({ responses: [], asked: 0 }),
          useOnce: () => true,
          unsubscribe: (key) => failIf(broken.unsubscribe, `unsubscribe ${key}`),
        },
        open: (hub) => {
          handler = hub
          journal.open(hub)
        },
        head: () => {
          failIf(broken.head, 'head')
          return journal.head()
        },
      }
    },
  })
  if (!handler) throw new Error('The hub did not open the journal.')
  return { ...harness, broken, reports, handler }
}

test('without a position, heartbeats have no id, and overdue streams end', async () => {
  const { clock, connect, broken, reports } = setUp({ heartbeatMs: 1_000 })
  const { stream } = await connect('alice')
  const { connection } = await connect('bob', { expiresAt: clock.now() + 1_000 })
  broken.head = true
  await clock.advance(1_000)
  expect(eventsNamed(stream, 'hub:beat')).toMatchObject([{ id: undefined }])
  expect(connection.open).toBe(false)
  expect(reports).toContainEqual(['journal', 'head'])
  broken.head = false
  await clock.advance(1_000)
  expect(eventsNamed(stream, 'hub:beat')).toMatchObject([{}, { id: expect.any(String) }])
})

test('an ephemeral event reaches all clients, those that are catching up included', async () => {
  const { clock, hub, connect, broadcast, broken, reports } = setUp(SMALL)
  const [cursor] = await broadcast('seen')
  await broadcast(...['1', '2', '3'].map((text) => text.repeat(20_000)))
  const stream = fakeStream()
  stream.stall()
  await connect('behind', { lastEventId: cursor, stream })
  const live = await connect('live')
  broken.head = true
  await hub.publish('everyone', { data: 'typing', ephemeral: true })
  broken.head = false
  await broadcast('4')
  stream.resume()
  await clock.runPending()
  expect(publishedData(stream).map((data) => data.slice(0, 6))).toEqual([
    '111111',
    '222222',
    '333333',
    '4',
    'typing',
  ])
  expect(publishedData(live.stream)).toEqual(['typing', '4'])
  expect(reports).toEqual([['journal', 'head']])
})

test('clients that may have missed events, and whose position is unknown, have to reconnect', async () => {
  const { connect, broken, reports, handler } = setUp()
  const alice = await connect('alice', { topics: ['news'] })
  const bob = await connect('bob')
  broken.head = true
  handler.missed((key) => key === 't:news')
  expect([alice.stream.aborted, bob.connection.open]).toEqual([true, true])
  expect(reports).toEqual([['journal', 'head']])
})

test('connections are listed without cursors', async () => {
  const { hub, connect, broken, handler } = setUp()
  await connect('alice')
  const request = { type: 'connections', key: 'c:alice', limit: 10 }
  broken.head = true
  expect(handler.respond(request, 0)).toMatchObject({ total: 1, rows: [{ client: 'alice' }] })
  expect(hub.stats().connections).toBe(1)
})

test('streams end although their keys can’t be unsubscribed', async () => {
  const { clock, hub, connect, broken, reports } = setUp({ heartbeatMs: 1_000 })
  const expiresAt = clock.now() + 1_000
  const clients = [await connect('alice', { expiresAt }), await connect('bob', { expiresAt })]
  broken.unsubscribe = true
  await clock.advance(2_000)
  for (const { stream } of clients) expect(eventsNamed(stream, 'hub:bye')).toHaveLength(1)
  expect(hub.stats()).toMatchObject({ connections: 0, closing: 0 })
  expect(reports).toEqual(
    ['unsubscribe c:alice', 'unsubscribe *', 'unsubscribe c:bob'].map((text) => ['journal', text]),
  )
})
