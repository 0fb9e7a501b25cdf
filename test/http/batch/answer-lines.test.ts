/** Each line of NDJSON is published and answered by itself, in order, while the next ones arrive. */
import { type Context, Hono } from 'hono'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { z } from 'zod'
import { type Address, TOPIC_RULE } from '../../../src/core/address.ts'
import { createApp } from '../../../src/http/app.ts'
import { createAccess } from '../../../src/http/auth/access.ts'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { createAppHarness, problemIn } from '../../support/app-harness.ts'
import { createAuthHarness, KEY } from '../../support/auth-harness.ts'
import { answersIn, ndjson, openBatch } from '../../support/batch.ts'
import { manualClock } from '../../support/clock.ts'
import { publishedData } from '../../support/events.ts'

const result = (connections: number) => ({ id: expect.stringMatching(/^\w+-\d+$/), connections })
const problem = (line: number, status: number, detail: RegExp, code?: string) => ({
  ...(code && { code }),
  line,
  type: 'about:blank',
  title: expect.any(String),
  status,
  detail: expect.stringMatching(detail),
})

describe('POST /publish', () => {
  test('publishes each line to its address', async () => {
    const { request, listen } = createAppHarness()
    const alice = await listen('/sse?id=alice&topic=news')
    const bob = await listen('/sse?id=bob')
    const response = await request(
      '/publish',
      ndjson([
        { to: 'everyone', data: 'to all' },
        { to: { client: 'alice' }, data: { unread: 3 }, event: 'inbox' },
        { to: { topic: 'news' }, data: 'news' },
        { to: { client: 'bob' }, data: 'typing', ephemeral: true },
      ]),
    )
    expect(await answersIn(response)).toEqual([result(2), result(1), result(1), { connections: 1 }])
    await alice.next(({ data }) => data === 'news')
    expect(alice.events.slice(1)).toMatchObject([
      { data: 'to all' },
      { data: '{"unread":3}', event: 'inbox' },
      { data: 'news' },
    ])
    await bob.next(({ data }) => data === 'typing')
    expect(publishedData(bob)).toEqual(['to all', 'typing'])
  })

  test('an event for several recipients has one id, and reaches each connection once', async () => {
    const { request, listen } = createAppHarness()
    const alice = await listen('/sse?id=alice&topic=news')
    const bob = await listen('/sse?id=bob')
    const carol = await listen('/sse?id=carol')
    const [published] = await answersIn(
      await request(
        '/publish',
        ndjson([
          { to: { client: ['alice', 'bob'], topic: 'news' }, data: 'several' },
          { to: { topic: ['other', 'news'] }, data: 'topics' },
          { to: 'everyone', data: 'end' },
        ]),
      ),
    )
    expect(published).toEqual(result(2))
    for (const listener of [alice, bob, carol]) await listener.next(({ data }) => data === 'end')
    expect(publishedData(alice)).toEqual(['several', 'topics', 'end'])
    expect(publishedData(bob)).toEqual(['several', 'end'])
    expect(publishedData(carol)).toEqual(['end'])
    expect(bob.events.find(({ data }) => data === 'several')?.id).toBe(published?.id)
  })

  test('a bad line spoils only itself, and its answer has its number', async () => {
    const { request, errors } = createAppHarness({ maxEventBytes: 1_000 })
    const answers = await answersIn(
      await request(
        '/publish',
        ndjson(
          [
            '{"to":"everyone","data":1}',
            '',
            'no JSON',
            '{"to":"everyone","data":1e999}',
            '{"to":{},"data":1}',
            '{"to":["everyone"],"data":1}',
            '{"to":{"client":["a",""]},"data":1}',
            '{"to":{"client":"."},"data":1}',
            '{"data":1}',
            '{"to":"everyone"}',
            '[]',
            '{"to":"everyone","data":1,"event":"hub:x","more":1}',
            `{"to":"everyone","data":"${'x'.repeat(1_001)}"}`,
            `{"to":"everyone","data":"${'x'.repeat(20_000)}"}`,
            ' \t\r',
            '{"to":"everyone","data":2}',
          ].join('\n'),
        ),
      ),
    )
    const field = (line: number, ...paths: string[]) => ({
      ...problem(line, 400, /^json/),
      issues: paths.map((path) => ({ path, message: expect.any(String) })),
    })
    expect(answers).toEqual([
      result(0),
      problem(3, 400, /^The line is not valid JSON: check its syntax\.$/),
      problem(4, 400, /too large for JavaScript/),
      field(5, 'json.to'),
      field(6, 'json.to'),
      field(7, 'json.to.client.1'),
      field(8, 'json.to.client'),
      field(9, 'json.to'),
      field(10, 'json.data'),
      field(11, 'json'),
      field(12, 'json.event', 'json.more'),
      problem(13, 413, /1000 bytes/, 'event-too-large'),
      problem(14, 413, /1000 bytes/, 'event-too-large'),
      result(0),
    ])
    expect(errors).toEqual([])
  })

  test('the problem of an invalid list of recipients names the field and the bound, and stays short', async () => {
    const { request } = createAppHarness()
    const answers = await answersIn(
      await request(
        '/publish',
        ndjson([
          { to: { client: names(1_000) }, data: 1 },
          { to: { client: names(1_001) }, data: 1 },
          { to: { topic: [] }, data: 1 },
          { to: { client: names(501, 'c'), topic: names(500, 't') }, data: 1 },
          { to: { client: 'a', topic: ['b', 7] }, data: 1 },
          { to: { topic: 7 }, data: 1 },
          { to: { client: 'a', topics: 'b' }, data: 1 },
          { to: { client: null, topic: 'b' }, data: 1 },
          { to: { client: 'a', topic: null }, data: 1 },
          { to: {}, data: 1 },
          { to: null, data: 1 },
          { to: { client: Array(1_000).fill('') }, data: 1 },
        ]),
      ),
    )
    expect(answers.map(({ issues }) => issues)).toEqual([
      undefined,
      [{ path: 'json.to.client', message: expect.stringContaining('1 to 1000 names') }],
      [{ path: 'json.to.topic', message: expect.stringContaining('1 to 1000 names') }],
      [{ path: 'json.to', message: 'must name at most 1000 clients and topics in all' }],
      [{ path: 'json.to.topic.1', message: TOPIC_RULE }],
      [{ path: 'json.to.topic', message: expect.stringContaining('1 to 1000 names') }],
      [{ path: 'json.to.topics', message: 'is unknown' }],
      [{ path: 'json.to.client', message: expect.stringContaining('1 to 1000 names') }],
      [{ path: 'json.to.topic', message: expect.stringContaining('1 to 1000 names') }],
      [{ path: 'json.to', message: expect.stringContaining('must be "everyone", {"client": …}') }],
      [{ path: 'json.to', message: expect.stringContaining('must be "everyone", {"client": …}') }],
      Array.from({ length: 20 }, (_, n) => ({
        path: `json.to.client.${n}`,
        message: expect.any(String),
      })),
    ])
  })

  test('recipients that are repeated count once, as in the library', async () => {
    const checked: unknown[] = []
    const publish = async (_: unknown, address: unknown) => void checked.push(address)
    const access = { publish, listen: publish, operate: publish, issuer: publish } as never
    const { hub, request } = createAppHarness({}, { access })
    const several = names(999, 'c')
    const answers = await answersIn(
      await request(
        '/publish',
        ndjson([
          { to: { client: Array(1_500).fill('alice') }, data: 1 },
          { to: { client: [...several, ...several], topic: ['t', 't'] }, data: 1 },
          { to: { client: [...several, ...several], topic: ['t', 'u'] }, data: 1 },
        ]),
      ),
    )
    expect(answers).toMatchObject([
      result(0),
      result(0),
      {
        issues: [{ path: 'json.to', message: 'must name at most 1000 clients and topics in all' }],
      },
    ])
    // Of the request, and of each recipient once.
    expect(checked).toHaveLength(1 + 1 + 1_000)
    expect(hub.stats().published).toBe(2)
  })

  test('a line may be longer than its data by the names of a thousand recipients', async () => {
    const { request } = createAppHarness({ maxEventBytes: 100 })
    const to = { client: Array.from({ length: 1_000 }, (_, n) => String(n).padStart(20, 'é')) }
    const publish = async (data: string) => {
      return await answersIn(await request('/publish', ndjson([{ to, data }])))
    }
    expect(await publish('x'.repeat(100))).toEqual([result(0)])
    expect(await publish('x'.repeat(101))).toEqual([
      problem(1, 413, /100 bytes/, 'event-too-large'),
    ])
  })

  test('a line that is far too long has the code of an event that is too large', async () => {
    const { request } = createAppHarness({ maxEventBytes: 100 })
    const lines = ndjson([{ data: 'x'.repeat(5_000) }, { data: 1 }])
    expect(await answersIn(await request('/topics/news', lines))).toEqual([
      problem(1, 413, /100 bytes/, 'event-too-large'),
      result(0),
    ])
  })

  test('bytes that are not UTF-8 spoil only their line', async () => {
    const { request } = createAppHarness()
    const good = '{"to":"everyone","data":"🙂"}'
    const body = Buffer.concat([
      Buffer.from(`${good}\n{"to":"everyone","data":"`),
      Buffer.from([0xc3, 0x28]),
      Buffer.from(`"}\n\ufeff${good}\r\n`),
    ])
    expect(await answersIn(await request('/publish', ndjson(body)))).toEqual([
      result(0),
      problem(2, 400, /^The line is not valid UTF-8: encode it as UTF-8\.$/),
      result(0),
    ])
  })

  test.each(['', '\n', '\r\n \n\n'])('a body without lines is 400: %j', async (body) => {
    const response = await createAppHarness().request('/publish', ndjson(body))
    expect(response.status).toBe(400)
    await problemIn(response)
  })

  test.each(['application/x-ndjson; charset=latin1', 'text/plain', ''])(
    'a body of the type %j is 415',
    async (type) => {
      const init = ndjson('{"to":"everyone","data":1}')
      const headers = type ? { 'Content-Type': type } : {}
      const response = await createAppHarness().request('/publish', { ...init, headers })
      expect(response.status).toBe(415)
      expect((await problemIn(response)).detail).toContain('application/x-ndjson')
    },
  )
})

test.each(['/clients/alice', '/topics/news', '/broadcast'])(
  'POST %s publishes each line to its address',
  async (path) => {
    const { request, listen } = createAppHarness()
    const alice = await listen('/sse?id=alice&topic=news')
    const lines = [{ data: 'one' }, { data: 2, event: 'n' }, { to: 'everyone', data: 3 }]
    expect(await answersIn(await request(path, ndjson(lines)))).toEqual([
      result(1),
      result(1),
      { ...problem(3, 400, /json/), issues: expect.any(Array) },
    ])
    await alice.next(({ data }) => data === '2')
    expect(publishedData(alice)).toEqual(['one', '2'])
  },
)

describe('while the body arrives', () => {
  test('a line is published and answered before the next one comes', async () => {
    const { app, clock, listen } = createAppHarness()
    const alice = await listen('/sse?id=alice')
    const batch = openBatch(app.request, '/publish', clock)
    for (const data of ['a', 'b', 'c']) {
      const line = JSON.stringify({ to: { client: 'alice' }, data })
      batch.send(line.slice(0, 9))
      batch.send(`${line.slice(9)}\n`)
      expect(await batch.next()).toEqual([result(1)])
      await clock.runPending()
      expect(await alice.next()).toMatchObject({ data })
    }
    batch.end()
    expect(await batch.next()).toBeUndefined()
    expect(clock.timers).toBe(1)
  })

  test('no more is read until the answers are', async () => {
    const { app, clock, hub } = createAppHarness()
    const batch = openBatch(app.request, '/broadcast', clock)
    for (let n = 0; n < 10; n++) batch.send('{"data":1}\n')
    await batch.response
    await clock.runPending()
    expect(batch.unread).toBe(9)
    expect(hub.stats().published).toBe(1)
    expect(await batch.next()).toHaveLength(1)
    await clock.runPending()
    expect(batch.unread).toBe(8)
    batch.end()
    expect(await batch.rest()).toHaveLength(9)
  })

  test('no more is read until the journal has stored what was', async () => {
    const journal = createMemoryJournal()
    let store = () => {}
    const slow = {
      ...journal,
      append: async (...args: Parameters<typeof journal.append>) => {
        await new Promise<void>((resolve) => {
          store = resolve
        })
        return await journal.append(...args)
      },
    }
    const { app, clock } = createAppHarness({ journal: slow })
    const batch = openBatch(app.request, '/broadcast', clock)
    batch.send('{"data":1}\n')
    batch.send('{"data":2}\n')
    await clock.runPending()
    expect(batch.unread).toBe(1)
    store()
    expect(await batch.next()).toEqual([result(0)])
    await clock.runPending()
    expect(batch.unread).toBe(0)
    store()
    expect(await batch.next()).toEqual([result(0)])
    await batch.leave()
  })

  test('a body that breaks off in a line is published up to it, and the last answer counts', async () => {
    const { app, clock, hub } = createAppHarness()
    const batch = openBatch(app.request, '/broadcast', clock)
    batch.send('{"data":1}\nno JSON\n{"data":2}\n{"data"')
    batch.break()
    expect(await batch.rest()).toEqual([
      result(0),
      problem(2, 400, /JSON/),
      result(0),
      { ...problem(4, 400, /ended early/), published: 2 },
    ])
    expect([hub.stats().published, clock.timers]).toEqual([2, 0])
  })

  test('a header of the client does not end a batch at its first problem', async () => {
    const { request } = createAppHarness()
    const init = ndjson('{"data":1}\nno JSON\n{"data":2}\n')
    const headers = { ...init.headers, 'Hub-Piped': '1' }
    const answers = await answersIn(await request('/broadcast', { ...init, headers }))
    expect(answers).toEqual([result(0), problem(2, 400, /JSON/), result(0)])
  })

  test('a body that breaks off in its first line is 400', async () => {
    const { app, clock } = createAppHarness()
    const batch = openBatch(app.request, '/broadcast', clock)
    batch.send('{"data"')
    batch.break()
    expect((await problemIn(await batch.response)).status).toBe(400)
    expect(clock.timers).toBe(0)
  })

  test('a client that leaves ends the batch', async () => {
    const { app, clock, hub } = createAppHarness()
    const batch = openBatch(app.request, '/broadcast', clock)
    batch.send('{"data":1}\n')
    await batch.next()
    await batch.leave()
    expect([batch.isCancelled, clock.timers]).toEqual([true, 0])
    batch.send('{"data":2}\n')
    await clock.runPending()
    expect(hub.stats().published).toBe(1)
  })

  test('many lines at once are published in several turns, between which connections are sent them', async () => {
    const { app, clock, listen } = createAppHarness({ maxQueuedBytes: 400_000 })
    const alice = await listen('/sse?id=alice')
    const batch = openBatch(app.request, '/broadcast', clock)
    const line = `{"data":"${'x'.repeat(1_000)}"}\n`
    batch.send(line.repeat(2_000))
    batch.end()
    const answers = await batch.rest()
    expect(answers).toHaveLength(2_000)
    expect(new Set(answers.map(({ connections }) => connections))).toEqual(new Set([1]))
    await clock.runPending()
    await alice.next(() => alice.events.length === 2_001)
    expect(alice.ended).toBe(false)
  })
})

describe('a batch that waits in vain', () => {
  test('for its body ends after a minute', async () => {
    const { app, clock } = createAppHarness()
    const batch = openBatch(app.request, '/broadcast', clock)
    batch.send('{"data":1}\n\n')
    expect(await batch.next()).toHaveLength(1)
    await clock.advance(59_000)
    batch.send('\n')
    await clock.advance(59_000)
    expect(clock.timers).toBe(1)
    await clock.advance(1_200)
    expect(await batch.rest()).toEqual([{ ...problem(4, 408, /60 s/), published: 1 }])
    await clock.advance(10_000)
    expect([batch.isCancelled, clock.timers]).toEqual([true, 0])
  })

  test('does not end because the process stood still', async () => {
    const { app, clock } = createAppHarness()
    const batch = openBatch(app.request, '/broadcast', clock)
    batch.send('{"data":1}\n')
    expect(await batch.next()).toHaveLength(1)
    await clock.advance(30_000)
    clock.suspend(3_600_000)
    await clock.advance(20_000)
    batch.send('{"data":2}\n')
    batch.end()
    expect(await batch.rest()).toEqual([expect.objectContaining({ connections: 0 })])
  })

  test('publishes nothing that arrives after its end', async () => {
    const { app, clock, hub } = createAppHarness()
    const batch = openBatch(app.request, '/broadcast', clock)
    batch.send('{"data":1}\n{"da')
    expect(await batch.next()).toHaveLength(1)
    await clock.advance(60_200)
    expect(await batch.rest()).toEqual([{ ...problem(2, 408, /60 s/), published: 1 }])
    batch.send('ta":2}\n{"data":3}\n')
    batch.end()
    await clock.runPending()
    expect([batch.unread, hub.stats().published, clock.timers]).toEqual([0, 1, 0])
  })

  test('for its first line ends after a minute, or with the hub, and its status says so', async () => {
    const { app, clock, hub, listen } = createAppHarness()
    await listen('/sse?id=alice')
    const batches = [1, 2].map(() => openBatch(app.request, '/broadcast', clock))
    for (const batch of batches) batch.send('{"data"')
    await clock.advance(30_000)
    batches[1]?.send(':')
    await clock.advance(30_200)
    const late = await batches[0]?.response
    expect(late?.status).toBe(408)
    expect((await problemIn(late as Response)).detail).toContain('60 s')
    const closed = hub.close(20_000)
    await clock.advance(200)
    const closing = await batches[1]?.response
    expect(closing?.status).toBe(503)
    expect((await problemIn(closing as Response)).detail).toContain('another instance')
    for (const batch of batches) {
      batch.send('1}\n')
      batch.end()
    }
    await clock.advance(20_000)
    await closed
    expect([hub.stats().published, clock.timers]).toEqual([0, 0])
  })

  test('for a reader ends after half a minute, and takes the rest of the body', async () => {
    const { app, clock, hub } = createAppHarness()
    const batch = openBatch(app.request, '/broadcast', clock)
    for (let n = 0; n < 50; n++) batch.send('{"data":1}\n')
    batch.end()
    await batch.response
    await clock.advance(29_000)
    expect(batch.unread).toBe(49)
    await clock.advance(1_200)
    expect(batch.unread).toBe(0)
    expect(await batch.rest()).toEqual([
      result(0),
      { ...problem(2, 408, /not read for 30 s/), published: 1 },
    ])
    expect([hub.stats().published, clock.timers]).toEqual([1, 0])
  })

  test('for a reader takes no more than 10 s for the rest', async () => {
    const { app, clock } = createAppHarness()
    const batch = openBatch(app.request, '/broadcast', clock)
    batch.send('{"data":1}\n')
    await batch.response
    await clock.advance(30_200)
    expect(batch.isCancelled).toBe(false)
    await clock.advance(10_000)
    expect([batch.isCancelled, clock.timers]).toEqual([true, 0])
  })
})

describe('a hub that drains', () => {
  test('publishes no more lines, and ends the batch', async () => {
    const { app, clock, hub, listen } = createAppHarness()
    await listen('/sse?id=alice')
    const batch = openBatch(app.request, '/broadcast', clock)
    batch.send('{"data":1}\n')
    expect(await batch.next()).toHaveLength(1)
    const closed = hub.close(10_000)
    batch.send('{"data":2}\nno JSON\n')
    expect(await batch.next()).toEqual([
      problem(2, 503, /another/, 'hub-closed'),
      problem(3, 400, /JSON/),
    ])
    await clock.advance(200)
    expect(await batch.rest()).toEqual([
      { ...problem(4, 503, /another/, 'hub-closed'), published: 1 },
    ])
    await clock.advance(10_000)
    await closed
    expect(clock.timers).toBe(0)
  })

  test('answers first what is being published', async () => {
    const journal = createMemoryJournal()
    const waiting: (() => void)[] = []
    const slow = {
      ...journal,
      append: async (...args: Parameters<typeof journal.append>) => {
        await new Promise<void>((resolve) => waiting.push(resolve))
        return await journal.append(...args)
      },
    }
    const { app, clock, hub, listen } = createAppHarness({ journal: slow })
    await listen('/sse?id=alice')
    const batch = openBatch(app.request, '/broadcast', clock)
    batch.send('{"data":1}\n')
    await clock.runPending()
    waiting[0]?.()
    expect(await batch.next()).toEqual([result(1)])
    batch.send('{"data":2}\n')
    await clock.runPending()
    const closed = hub.close(10_000)
    await clock.advance(1_000)
    waiting[1]?.()
    expect(await batch.next()).toEqual([result(1)])
    await clock.advance(200)
    expect(await batch.rest()).toEqual([
      { ...problem(3, 503, /another/, 'hub-closed'), published: 2 },
    ])
    await clock.advance(10_000)
    await closed
  })

  test('answers each line of a body that is there', async () => {
    const { request, hub } = createAppHarness()
    await hub.close()
    expect(await answersIn(await request('/broadcast', ndjson('{"data":1}\n{"data":2}')))).toEqual([
      problem(1, 503, /another/, 'hub-closed'),
      problem(2, 503, /another/, 'hub-closed'),
    ])
  })
})

describe('events that the hub declares', () => {
  test('are checked in each line', async () => {
    const { request } = createAppHarness({ events: { inbox: z.object({ unread: z.number() }) } })
    const lines = [
      { to: 'everyone', event: 'inbox', data: { unread: 1 } },
      { to: 'everyone', event: 'inbox', data: { unread: 'x' } },
      { to: 'everyone', event: 'outbox', data: 1 },
    ]
    expect(await answersIn(await request('/publish', ndjson(lines)))).toMatchObject([
      { connections: 0 },
      { line: 2, status: 400, issues: [{ path: 'json.data.unread' }] },
      { line: 3, status: 400, issues: [{ path: 'json.event' }] },
    ])
  })

  test('stay in order, even if a check takes longer than the next one', async () => {
    const clock = manualClock()
    let turns = 8
    const later = z.number().refine(async () => {
      turns -= 1
      for (let n = 0; n < turns; n++) await new Promise((resolve) => setImmediate(resolve))
      return true
    })
    const { request, listen } = createAppHarness({ clock, events: { message: later } })
    const alice = await listen('/sse?id=alice')
    const lines = [1, 2, 3, 4, 5].map((data) => ({ data }))
    await answersIn(await request('/broadcast', ndjson(lines)))
    await clock.runPending()
    await alice.next(({ data }) => data === '5')
    expect(publishedData(alice)).toEqual(['1', '2', '3', '4', '5'])
  })
})

describe('permissions', () => {
  const to = (...addresses: unknown[]) => ndjson(addresses.map((one) => ({ to: one, data: 1 })))

  test('are required for each recipient', async () => {
    const { request, token } = createAuthHarness()
    const credential = await token({ sub: 'alice', publish: ['topic:news', 'client:bob'] })
    const init = to({ client: 'bob', topic: 'news' }, { client: ['bob', 'eve', 'mallory'] })
    const response = await request('/publish', credential, init)
    expect(await answersIn(response)).toEqual([
      result(0),
      problem(2, 403, /^This credential may not publish to "client:eve": /),
    ])
  })

  test('are required for each line', async () => {
    const { request, token } = createAuthHarness()
    const credential = await token({ sub: 'alice', publish: ['topic:news', 'client:bob'] })
    const init = to({ topic: 'news' }, 'everyone', { client: 'bob' }, { topic: 'x' })
    expect(await answersIn(await request('/publish', credential, init))).toEqual([
      result(0),
      problem(2, 403, /may not publish to "everyone"/),
      result(0),
      problem(4, 403, /may not publish to "topic:x"/),
    ])
    expect(await answersIn(await request('/publish', KEY, init))).toEqual(Array(4).fill(result(0)))
  })

  test.each([
    ['no credential', undefined, 401],
    ['an invalid one', 'a-guess-0123456789', 401],
  ])('with %s, the status says so', async (_, credential, status) => {
    const { request, hub } = createAuthHarness()
    const response = await request('/publish', credential, to('everyone'))
    expect(response.status).toBe(status)
    expect(response.headers.has('WWW-Authenticate')).toBe(true)
    await problemIn(response)
    expect(hub.stats().published).toBe(0)
  })

  test('without the permission for the address of the path, the status says so', async () => {
    const { request, token } = createAuthHarness()
    const credential = await token({ sub: 'alice', publish: ['topic:news'] })
    const response = await request('/broadcast', credential, ndjson('{"data":1}'))
    expect(response.status).toBe(403)
    await problemIn(response)
  })

  test('are read once for lines that are there, and again for those that come later', async () => {
    let calls = 0
    const access = () => {
      calls += 1
      return { publish: ['everyone'] }
    }
    const { app, clock } = createAppHarness({}, { access })
    const batch = openBatch(app.request, '/broadcast', clock)
    batch.send('{"data":1}\n'.repeat(100))
    expect(await batch.next()).toHaveLength(100)
    // Once for the request, and once for the lines.
    expect(calls).toBe(2)
    batch.send('{"data":1}\n')
    expect(await batch.next()).toHaveLength(1)
    expect(calls).toBe(3)
    await batch.leave()
  })

  test('of an access that the host wrote are asked for each line', async () => {
    const { hub } = createAppHarness()
    const addresses: unknown[] = []
    const own = createAccess({ hub, keys: [KEY] })
    const access = {
      ...own,
      publish: async (_: unknown, address: Address) => {
        addresses.push(address)
        return undefined
      },
    }
    const app = createApp({ hub, access })
    const response = await app.request('/publish', to({ client: 'a' }, 'everyone', { topic: 'b' }))
    expect(await answersIn(response)).toEqual(Array(3).fill(result(0)))
    expect(addresses).toEqual(['everyone', { client: 'a' }, 'everyone', { topic: 'b' }])
  })

  test('may depend on the path where the app is mounted, and on the runtime', async () => {
    const { hub } = createAppHarness()
    const tenants: unknown[] = []
    const access = (c: Context) => {
      c.executionCtx.waitUntil(Promise.resolve())
      tenants.push(c.req.param('tenant'))
      return { publish: ['everyone'] }
    }
    const app = new Hono().route('/:tenant/realtime', createApp({ hub, access }))
    const runtime = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} }
    const response = await app.request('/acme/realtime/publish', to('everyone'), {}, runtime)
    expect(await answersIn(response)).toEqual([result(0)])
    expect(tenants).toEqual(['acme', 'acme'])
  })

  test('end with the token, in the middle of a batch', async () => {
    const { app, clock, token } = createAuthHarness()
    const credential = await token({ publish: '*', exp: 10 })
    const request = (path: string, init: RequestInit) => {
      const headers = { ...(init.headers as object), Authorization: `Bearer ${credential}` }
      return app.request(path, { ...init, headers })
    }
    const batch = openBatch(request, '/publish', clock)
    batch.send('{"to":"everyone","data":1}\n')
    expect(await batch.next()).toEqual([result(0)])
    await clock.advance(50_000)
    batch.send('{"to":"everyone","data":2}\n')
    expect(await batch.next()).toEqual([problem(2, 401, /expired/)])
    await batch.leave()
  })
})

describe('the rate limit', () => {
  test('counts lines, and says when the next one may come', async () => {
    const clock = manualClock()
    // The library that counts takes Retry-After from the machine's clock.
    vi.useFakeTimers({ toFake: ['Date'], now: clock.now() })
    onTestFinished(() => void vi.useRealTimers())
    const { request, hub } = createAuthHarness({ clock, config: { PUBLISHES_PER_MINUTE: 3 } })
    const lines = ndjson(
      ['{"data":1}', 'no JSON', '{"data":2}', '{"data":3}', '{"data":4}'].join('\n'),
    )
    const answers = await answersIn(await request('/broadcast', KEY, lines))
    const limited = problem(5, 429, /retryAfter/)
    expect(answers).toEqual([
      result(0),
      problem(2, 400, /JSON/),
      result(0),
      result(0),
      { ...limited, retryAfter: 60 },
    ])
    expect(hub.stats().published).toBe(3)
    expect((await request('/ping/alice', KEY, { method: 'POST' })).status).toBe(429)
  })

  test('of an app may be any middleware', async () => {
    let count = 0
    const { request } = createAppHarness(
      {},
      {
        limits: {
          publishing: async (c, next) => {
            count += 1
            if (count > 1) {
              c.res = new Response('slower', { status: 420 })
              return
            }
            await next()
          },
        },
      },
    )
    expect(
      await answersIn(await request('/broadcast', ndjson('{"data":1}\n{"data":2}'))),
    ).toMatchObject([result(0), { line: 2, status: 420 }])
  })
})

test('what the host has read before is published, too', async () => {
  const { request } = createAppHarness(
    {},
    {
      middleware: [
        async (c, next) => {
          await c.req.text()
          await next()
        },
      ],
    },
  )
  expect(
    await answersIn(await request('/broadcast', ndjson('{"data":1}\n{"data":2}'))),
  ).toHaveLength(2)
})

test('a journal that fails is answered for each line, and reveals nothing', async () => {
  let count = 0
  const journal = createMemoryJournal()
  const broken: typeof journal = {
    ...journal,
    append: (...args) => {
      count += 1
      if (count === 2) throw new Error('password=123')
      return journal.append(...args)
    },
  }
  const { request, errors } = createAppHarness({ journal: broken })
  const lines = ndjson('{"data":1}\n{"data":2}\n{"data":3}')
  expect(await answersIn(await request('/broadcast', lines))).toEqual([
    result(0),
    problem(2, 500, /see its log/),
    result(0),
  ])
  expect(errors).toEqual([new Error('password=123')])
})

function names(count: number, prefix = 'n'): string[] {
  return Array.from({ length: count }, (_, n) => prefix + n)
}
