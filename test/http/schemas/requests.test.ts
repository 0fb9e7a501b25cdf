/** One rule accepts or refuses names of clients, topics and events, wherever they are used. */
import { describe, expect, test } from 'vitest'
import {
  type AppHarness,
  createAppHarness,
  json,
  problemIn,
  readyOf,
} from '../../support/app-harness.ts'

const FINE: [string, string][] = [
  ['one character', 'a'],
  ['128 characters', 'a'.repeat(128)],
  ['128 characters beyond the first plane', '🙂'.repeat(128)],
  ['spaces at both ends', ' a '],
  ['punctuation', `!"#$%&'()*+,-./:;<=>?@[\\]^_\`{|}~`],
  ['what looks like an escape', '%41%2F%25'],
  ['a path', '../../etc/passwd'],
  ['a line separator', 'a\u2028b'],
  ['a byte order mark', '\ufeffa'],
  ['a property name of every object', '__proto__'],
  ['combining characters', 'e\u0301\u200d'],
]

const REFUSED: [string, string][] = [
  ['129 characters', 'a'.repeat(129)],
  ['10,000 characters', 'a'.repeat(10_000)],
  ['a line feed', 'a\nb'],
  ['a carriage return', 'a\rb'],
  ['NUL', 'a\0b'],
  ['a tab', 'a\tb'],
  ['DEL', 'a\x7fb'],
  ['a C1 control character', 'a\x85b'],
]

describe('a client id', () => {
  test.each(FINE)('may have %s', async (_, id) => {
    const set = createAppHarness()
    const reader = await set.listen(`/sse?${new URLSearchParams({ id })}`)
    expect(readyOf(reader)).toMatchObject({ client: id })
    const response = await set.request(`/clients/${encodeURIComponent(id)}`, json({ data: 'x' }))
    expect(await response.json()).toMatchObject({ connections: 1 })
    expect(await reader.next()).toMatchObject({ data: 'x' })
  })

  test.each([['nothing', ''], ...REFUSED])('may not have %s', async (_, id) => {
    const set = createAppHarness()
    const response = await set.request(`/sse?${new URLSearchParams({ id })}`)
    expect(response.status).toBe(400)
    expect((await problemIn(response)).issues).toMatchObject([{ path: 'query.id' }])
    expect(await set.connected()).toBe(0)
  })

  test.each(REFUSED)('may not have %s in a path, whatever the route', async (_, id) => {
    const { request } = createAppHarness()
    const path = encodeURIComponent(id)
    const answers = [
      await request(`/clients/${path}`, json({ data: 'x' })),
      await request(`/ping/${path}`, { method: 'POST' }),
      await request(`/clients/${path}`),
      await request(`/clients/${path}`, { method: 'DELETE' }),
    ]
    for (const answer of answers) {
      expect(answer.status).toBe(400)
      expect((await problemIn(answer)).issues).toMatchObject([{ path: 'param.id' }])
    }
  })

  test.each(['.', '..'])('may not be %s, because no path can name it', async (id) => {
    const { request, connected } = createAppHarness()
    const response = await request(`/sse?id=${id}`)
    expect(response.status).toBe(400)
    expect(await connected()).toBe(0)
  })

  test('may be given only once', async () => {
    const { request } = createAppHarness()
    const problem = await problemIn(await request('/sse?id=alice&id=bob'))
    expect(problem).toMatchObject({ status: 400, issues: [{ path: 'query.id' }] })
  })
})

describe('a topic', () => {
  test.each(FINE.map(([what, topic]) => [what, topic.replace('*', '')]))(
    'may have %s',
    async (_, topic) => {
      const { request, listen } = createAppHarness()
      const reader = await listen(`/sse?${new URLSearchParams({ topic })}`)
      expect(readyOf(reader)).toMatchObject({ topics: [topic] })
      const response = await request(`/topics/${encodeURIComponent(topic)}`, json({ data: 'x' }))
      expect(await response.json()).toMatchObject({ connections: 1 })
      expect(await reader.next()).toMatchObject({ data: 'x' })
    },
  )

  test.each(['a*', '*', 'a/**/b'])('may not be %s, which is no pattern either', async (topic) => {
    const { request } = createAppHarness()
    const issues = async (path: string) => (await problemIn(await request(path))).issues
    expect(await issues(`/sse?topic=${topic}`)).toMatchObject([
      { message: expect.stringMatching(/"\*" only as a last level/) },
    ])
    const path = `/topics/${encodeURIComponent(topic)}`
    expect(await issues(path)).toMatchObject([{ path: 'param.topic' }])
    const publishing = await request(path, json({ data: 'x' }))
    expect((await problemIn(publishing)).issues).toMatchObject([{ path: 'param.topic' }])
  })

  test.each([['nothing', ''], ...REFUSED])('may not have %s', async (_, topic) => {
    const set = createAppHarness()
    const query = new URLSearchParams([
      ['topic', 'news'],
      ['topic', topic],
    ])
    const response = await set.request(`/sse?${query}`)
    expect(response.status).toBe(400)
    expect((await problemIn(response)).issues).toMatchObject([{ path: 'query.topic.1' }])
    expect(await set.connected()).toBe(0)
  })

  test.each(REFUSED)('may not have %s in a path', async (_, topic) => {
    const { request } = createAppHarness()
    const path = `/topics/${encodeURIComponent(topic)}`
    for (const answer of [await request(path, json({ data: 'x' })), await request(path)]) {
      expect(answer.status).toBe(400)
      expect((await problemIn(answer)).issues).toMatchObject([{ path: 'param.topic' }])
    }
  })

  test('may be given several times', async () => {
    const { request, listen } = createAppHarness()
    const reader = await listen('/sse?topic=news&topic=sport&topic=news')
    expect(readyOf(reader)).toMatchObject({ topics: ['news', 'sport'] })
    await request('/topics/news', json({ data: 'once' }))
    await request('/topics/sport', json({ data: 'too' }))
    expect(reader.events.map(({ data }) => data).slice(1)).toEqual(['once', 'too'])
  })

  test('may be given 50 times', async () => {
    const { request, listen } = createAppHarness()
    const reader = await listen(`/sse?${topics(50)}`)
    expect(readyOf(reader).topics).toHaveLength(50)
    await request('/topics/t49', json({ data: 'x' }))
    expect(await reader.next()).toMatchObject({ data: 'x' })
  })

  test('may not be given 51 times', async () => {
    const { request, connected } = createAppHarness()
    const problem = await problemIn(await request(`/sse?${topics(51)}`))
    expect(problem).toMatchObject({ status: 400, issues: [{ path: 'query.topic' }] })
    expect(await connected()).toBe(0)
  })

  const topics = (count: number) => Array.from({ length: count }, (_, n) => `topic=t${n}`).join('&')
})

describe('an event name', () => {
  const fine = ['message', 'time', 'a'.repeat(128), ' hub:x', 'Hub:x', 'hub', 'Error', 'é 🙂', ':']

  test.each(fine)('may be %j', async (event) => {
    const { request, listen } = createAppHarness()
    const reader = await listen('/sse?id=alice')
    expect((await request('/clients/alice', json({ data: 'x', event }))).status).toBe(200)
    expect(await reader.next()).toMatchObject({ event, data: 'x' })
  })

  const forged = ['a\ndata: b', 'a\rid: 1', 'a\r\n\r\ndata: b', 'a\0', '\n', 'a\x85']
  const kept = ['hub:x', 'hub:', 'hub:ready', 'hub:bye', 'error', 'open', '']
  const broken = ['a'.repeat(129), 'a\ud800', '\udc00a', null, 1, true, ['a'], { toString: 'a' }]

  test.each([...forged, ...kept, ...broken])('may not be %j', async (event) => {
    const set = createAppHarness()
    const reader = await set.listen('/sse?id=alice')
    const response = await set.request('/clients/alice', json({ data: 'x', event }))
    expect(response.status).toBe(400)
    expect((await problemIn(response)).issues).toMatchObject([{ path: 'json.event' }])
    await expectNothing(set)
    expect(reader.events).toHaveLength(1)
  })

  test('may come from a form', async () => {
    const { request, listen } = createAppHarness()
    const reader = await listen('/sse?id=alice')
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
    await request('/clients/alice', { method: 'POST', headers, body: 'data=x&event=a+b%20c' })
    expect(await reader.next()).toMatchObject({ event: 'a b c' })
  })

  async function expectNothing({ listen }: AppHarness): Promise<void> {
    const again = await listen('/sse?id=alice&lastEventId=earliest')
    expect(again.events).toHaveLength(1)
    await again.close()
  }
})
