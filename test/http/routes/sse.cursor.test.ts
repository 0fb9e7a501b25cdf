/** With any cursor a client receives what it missed or a gap, and never an error. */
import { describe, expect, test } from 'vitest'
import { type AppHarness, createAppHarness, json, readyOf } from '../../support/app-harness.ts'
import type { Reader } from '../../support/reader.ts'

async function publish({ request }: AppHarness, ...data: string[]): Promise<string[]> {
  const ids: string[] = []
  for (const one of data) {
    const response = await request('/clients/alice', json({ data: one }))
    ids.push(((await response.json()) as { id: string }).id)
  }
  return ids
}

function messages({ events }: Reader): string[] {
  return events.filter(({ event }) => event === undefined).map(({ data }) => data)
}

const resumeAt = (id: string) => ({ headers: { 'Last-Event-ID': id } })

test('a client that reconnects receives what it missed, then live events, each once', async () => {
  const set = createAppHarness()
  const [first = ''] = await publish(set, 'one', 'two', 'three')
  const reader = await set.listen('/sse?id=alice', resumeAt(first))
  expect(readyOf(reader)).toMatchObject({ resume: 'complete' })
  // With an id here, a client that drops in mid-replay would skip the rest.
  expect(reader.events[0]?.id).toBeUndefined()
  await publish(set, 'four')
  expect(messages(reader)).toEqual(['two', 'three', 'four'])
})

test('a client that missed nothing receives the head of the journal at once', async () => {
  const set = createAppHarness()
  const [, last = ''] = await publish(set, 'one', 'two')
  const reader = await set.listen('/sse?id=alice', resumeAt(last))
  expect(readyOf(reader)).toMatchObject({ resume: 'complete' })
  expect(reader.events[0]?.id).toBe(last)
  expect(messages(reader)).toEqual([])
})

test('the cursor in the query applies without the header', async () => {
  const set = createAppHarness()
  const [first = ''] = await publish(set, 'one', 'two')
  expect(messages(await set.listen(`/sse?id=alice&lastEventId=${first}`))).toEqual(['two'])
})

test('the header takes precedence over the query, because a browser sends its old URL again', async () => {
  const set = createAppHarness()
  const [first = '', second = ''] = await publish(set, 'one', 'two', 'three')
  const reader = await set.listen(`/sse?id=alice&lastEventId=${first}`, resumeAt(second))
  expect(messages(reader)).toEqual(['three'])
})

test.each(['', ' ', '\t'])('an empty Last-Event-ID header (%j) is ignored', async (empty) => {
  const set = createAppHarness()
  const [first = ''] = await publish(set, 'one', 'two')
  const fresh = await set.listen('/sse?id=alice', resumeAt(empty))
  expect(readyOf(fresh)).toMatchObject({ resume: 'fresh' })
  const resumed = await set.listen(`/sse?id=alice&lastEventId=${first}`, resumeAt(empty))
  expect(messages(resumed)).toEqual(['two'])
})

test('an empty cursor in the query is no cursor', async () => {
  const { listen } = createAppHarness()
  expect(readyOf(await listen('/sse?id=alice&lastEventId='))).toMatchObject({ resume: 'fresh' })
})

test.each([
  ['header', '/sse?id=alice', resumeAt('earliest')],
  ['query', '/sse?id=alice&lastEventId=earliest', {}],
])('earliest in the %s replays all stored events', async (_, path, init) => {
  const set = createAppHarness()
  await publish(set, 'one', 'two')
  const reader = await set.listen(path, init)
  expect(readyOf(reader)).toMatchObject({ resume: 'complete' })
  expect(messages(reader)).toEqual(['one', 'two'])
})

describe('an unknown cursor is a gap, not an error', () => {
  const plain = ['x', '-', '0', 'null', 'undefined', '1-1', '../../x', '{"a":1}', 'a,b', 'ÿé½']
  const odd = ['a\nb', 'id: 7\n\ndata: forged', '\0', '%', 'ÿ', '日本語', '\u2028']
  const named = (cursor: string): [string, string] => [JSON.stringify(cursor), cursor]
  const long: [string, string][] = [
    ['1,025 characters', '9'.repeat(1_025)],
    ['10,000 characters', '9'.repeat(10_000)],
    ['2,000 characters before the dash and after it', `${'z'.repeat(2_000)}-${'1'.repeat(2_000)}`],
  ]

  test.each([...plain.map(named), ...long])('as a header: %s', async (_, cursor) => {
    const set = createAppHarness()
    await publish(set, 'one', 'two')
    const reader = await set.listen('/sse?id=alice', resumeAt(cursor))
    await expectGap(reader, cursor)
    expect(messages(reader)).toEqual(['one', 'two'])
  })

  const smileys: [string, string] = ['80 smileys', '🙂'.repeat(80)]
  const queries = [...plain.map(named), ...odd.map(named), smileys, ...long]

  test.each(queries)('in the query: %s', async (_, cursor) => {
    const set = createAppHarness()
    await publish(set, 'one', 'two')
    const query = new URLSearchParams({ id: 'alice', lastEventId: cursor })
    const reader = await set.listen(`/sse?${query}`)
    await expectGap(reader, cursor)
    expect(messages(reader)).toEqual(['one', 'two'])
  })

  async function expectGap(reader: Reader, cursor: string): Promise<void> {
    expect(readyOf(reader)).toMatchObject({ resume: 'gap' })
    const gap = await reader.next()
    expect(gap).toMatchObject({ event: 'hub:gap', id: undefined })
    const gapData = JSON.parse(gap.data) as Record<string, string>
    const [, , first] = reader.events
    expect(gapData).toEqual({
      requested: cursor.slice(0, 128),
      earliest: first?.id,
      reason: 'epoch',
    })
  }
})

test('a cursor beyond the head of the journal is a gap', async () => {
  const set = createAppHarness()
  const [id = ''] = await publish(set, 'one')
  const reader = await set.listen('/sse?id=alice', resumeAt(id.replace(/\d+$/, '999')))
  expect(readyOf(reader)).toMatchObject({ resume: 'gap' })
})

test('a gap with nothing left to replay carries the id to resume from', async () => {
  const set = createAppHarness()
  const reader = await set.listen('/sse?id=alice', resumeAt('nonsense'))
  const gap = await reader.next()
  expect(JSON.parse(gap.data)).toEqual({ requested: 'nonsense', earliest: null, reason: 'epoch' })
  expect(gap.id).toMatch(/^[!-~]+$/)
})

test('evicted events are reported as a gap only to the clients they were for', async () => {
  const set = createAppHarness()
  const [cursor = ''] = await publish(set, 'one', 'two')
  await set.clock.advance(300_001)
  const alice = await set.listen('/sse?id=alice', resumeAt(cursor))
  expect(await alice.next()).toMatchObject({
    event: 'hub:gap',
    data: JSON.stringify({ requested: cursor, earliest: null, reason: 'evicted' }),
  })
  const bob = await set.listen('/sse?id=bob', resumeAt(cursor))
  expect(readyOf(bob)).toMatchObject({ resume: 'complete' })
})

test('a replay contains nothing for other clients or topics', async () => {
  const set = createAppHarness()
  const { request } = set
  await request('/clients/bob', json({ data: 'for bob' }))
  await request('/topics/news', json({ data: 'news' }))
  await request('/topics/sport', json({ data: 'sport' }))
  await request('/broadcast', json({ data: 'for all' }))
  await request('/broadcast', json({ data: 'a moment', ephemeral: true }))
  const reader = await set.listen('/sse?id=alice&topic=news&lastEventId=earliest')
  expect(messages(reader)).toEqual(['news', 'for all'])
})
