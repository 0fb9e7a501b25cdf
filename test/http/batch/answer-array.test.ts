/** A JSON array of events is answered with the array of their results. */
import { describe, expect, test } from 'vitest'
import { createApp } from '../../../src/http/app.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { createAppHarness, json, post, problemIn } from '../../support/app-harness.ts'
import { createAuthHarness } from '../../support/auth-harness.ts'
import { publishedData } from '../../support/events.ts'

const ID = expect.stringMatching(/^\w+-\d+$/)

test('each event is published to its address, and one that is refused spoils no other', async () => {
  const { request, listen } = createAppHarness()
  const alice = await listen('/sse?id=alice&topic=news')
  const response = await request(
    '/publish',
    json([
      { to: 'everyone', data: 1 },
      { to: { client: 'bob' }, data: 2 },
      { to: { topic: 'news' }, data: 3, event: 'open' },
      { to: { topic: 'news' }, data: { four: 4 } },
    ]),
  )
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toMatch(/^application\/json/)
  expect(await response.json()).toEqual([
    { id: ID, connections: 1 },
    { id: ID, connections: 0 },
    {
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      detail: expect.stringContaining('json.event'),
      issues: [{ path: 'json.event', message: expect.any(String) }],
    },
    { id: ID, connections: 1 },
  ])
  await alice.next(({ data }) => data === '{"four":4}')
  expect(publishedData(alice)).toEqual(['1', '{"four":4}'])
})

test('no events have no results', async () => {
  const response = await createAppHarness().request('/publish', json([]))
  expect([response.status, await response.json()]).toEqual([200, []])
})

test.each([{ to: 'everyone', data: 1 }, 'x', null])('what is no array is 400: %j', async (body) => {
  const response = await createAppHarness().request('/publish', json(body))
  expect(response.status).toBe(400)
  expect((await problemIn(response)).detail).toBe('json must be an array of events.')
})

test('permissions are checked for each event', async () => {
  const { postJson, token } = createAuthHarness()
  const credential = await token({ publish: ['client:*'] })
  const events = [
    { to: 'everyone', data: 1 },
    { to: { client: 'a' }, data: 1 },
  ]
  const response = await postJson('/publish', credential, events)
  expect(await response.json()).toMatchObject([{ status: 403 }, { connections: 0 }])
  expect((await postJson('/publish', undefined, events)).status).toBe(401)
})

describe('a batch is limited to', () => {
  const events = (count: number) => Array(count).fill({ to: 'everyone', data: 1 })

  test('10,000 events by default, or as many as the app says', async () => {
    const { app, clock, hub } = createAppHarness()
    const pending = app.request('/publish', json(events(10_000)))
    let isThere = false
    void Promise.resolve(pending).then(() => {
      isThere = true
    })
    while (!isThere) await clock.runPending()
    expect(await (await pending).json()).toHaveLength(10_000)
    const response = await app.request('/publish', json(events(10_001)))
    expect(response.status).toBe(413)
    expect((await problemIn(response)).detail).toContain('10000 events')
    expect(hub.stats().published).toBe(10_000)
    const { request } = createAppHarness({}, { maxBatchEvents: 2 })
    expect((await request('/publish', json(events(2)))).status).toBe(200)
    expect((await request('/publish', json(events(3)))).status).toBe(413)
  })

  test('4 MiB, or to one event if that may be larger', async () => {
    const spaces = (bytes: number) => post(`[${' '.repeat(bytes - 2)}]`, 'application/json')
    const { request } = createAppHarness()
    expect((await request('/publish', spaces(4_194_304))).status).toBe(200)
    expect((await request('/publish', spaces(4_194_305))).status).toBe(413)
    const larger = createAppHarness({ maxEventBytes: 4_000_000, maxQueuedBytes: 8_000_000 })
    expect((await larger.request('/publish', spaces(10_000_000))).status).toBe(200)
  })

  test.each([0, -1, 1.5, '3', Number.NaN])('a whole number, not %j', (maxBatchEvents) => {
    const options = { hub: createHub(), access: 'anyone', maxBatchEvents } as never
    expect(() => createApp(options)).toThrow(/maxBatchEvents/)
  })
})

test('large events are published in several turns, also among small ones, so that no connection is cut off', async () => {
  const { app, clock, listen } = createAppHarness({ maxQueuedBytes: 400_000 })
  const alice = await listen('/sse?id=alice')
  const small = Array(2_000).fill({ to: 'everyone', data: 1 })
  const events = [...small, ...Array(100).fill({ to: 'everyone', data: 'x'.repeat(20_000) })]
  const pending = Promise.resolve(app.request('/publish', json(events)))
  let response: Response | undefined
  void pending.then((own) => {
    response = own
  })
  while (!response) await clock.runPending()
  expect(await response.json()).toEqual(Array(2_100).fill({ id: ID, connections: 1 }))
  await clock.runPending()
  await alice.next(() => alice.events.length === 2_101)
  expect(alice.ended).toBe(false)
})
