/** What is published on any route, in any encoding, arrives exactly as it was sent. */
import { describe, expect, test } from 'vitest'
import {
  type AppHarness,
  createAppHarness,
  form,
  json,
  post,
  problemIn,
  text,
} from '../../support/app-harness.ts'

const ROUTES = ['/clients/alice', '/topics/news', '/broadcast']

describe.each(ROUTES)('POST %s', (path) => {
  test.each([
    ['JSON', json({ data: 'hello' })],
    ['text', text('hello')],
    ['a form', form('data=hello')],
  ])('accepts %s, and answers with the id and the number of connections', async (_, init) => {
    const { request, listen } = createAppHarness()
    const first = await listen('/sse?id=alice&topic=news')
    const second = await listen('/sse?id=alice&topic=news')
    const response = await request(path, init)
    expect(response.status).toBe(200)
    const receipt = (await response.json()) as { id: string }
    expect(receipt).toEqual({ id: expect.stringMatching(/^[0-9a-z]+-1$/), connections: 2 })
    for (const reader of [first, second]) {
      expect(await reader.next()).toEqual({ id: receipt.id, event: undefined, data: 'hello' })
    }
  })

  test('stores events without listeners for a later reconnect', async () => {
    const { request, listen } = createAppHarness()
    expect(await (await request(path, text('hello'))).json()).toMatchObject({ connections: 0 })
    const reader = await listen('/sse?id=alice&topic=news&lastEventId=earliest')
    expect(await reader.next()).toMatchObject({ data: 'hello' })
  })

  test.each([
    ['JSON', json({ data: 'now', ephemeral: true, event: 'typing' })],
    ['a form', form('data=now&ephemeral=true&event=typing')],
  ])('gives an ephemeral event (%s) no id, and does not store it', async (_, init) => {
    const { request, listen } = createAppHarness()
    const reader = await listen('/sse?id=alice&topic=news')
    expect(await (await request(path, init)).json()).toEqual({ connections: 1 })
    expect(await reader.next()).toEqual({ id: undefined, event: 'typing', data: 'now' })
    const late = await listen('/sse?id=alice&topic=news&lastEventId=earliest')
    expect(late.events).toHaveLength(1)
  })

  test.each([
    ['JSON', json({ data: '2', key: 'k', replace: true })],
    ['a form', form('data=2&key=k&replace=true')],
  ])('replaces events with a key (%s)', async (_, init) => {
    const { request, listen } = createAppHarness()
    await request(path, json({ data: '1', key: 'k' }))
    await request(path, json({ data: 'other' }))
    expect((await request(path, init)).status).toBe(200)
    const reader = await listen('/sse?id=alice&topic=news&lastEventId=earliest')
    expect(await reader.next()).toMatchObject({ data: 'other' })
    expect(await reader.next()).toMatchObject({ data: '2' })
  })

  test('answers 503 once the hub is closed', async () => {
    const { request, hub } = createAppHarness()
    await hub.close()
    const response = await request(path, text('hello'))
    expect(response.status).toBe(503)
    await problemIn(response)
  })

  test('accepts events while the hub drains', async () => {
    const { request, hub, listen, clock } = createAppHarness()
    await listen('/sse?id=alice&topic=news')
    const second = await listen('/sse?id=alice&topic=news')
    const closing = hub.close(10_000)
    expect((await request(path, text('hello'))).status).toBe(200)
    expect(await second.next()).toMatchObject({ data: 'hello' })
    await clock.advance(10_000)
    await closing
  })
})

describe('POST /ping/:id', () => {
  test('sends hello to all connections of that client, whatever the body', async () => {
    const { request, listen } = createAppHarness()
    const alice = await listen('/sse?id=alice')
    const bob = await listen('/sse?id=bob')
    const bodies = [{ method: 'POST' }, json({ data: 'x' }), post('<x/>', 'text/xml')]
    for (const init of bodies) {
      const response = await request('/ping/alice', init)
      expect(await response.json()).toMatchObject({ id: expect.any(String), connections: 1 })
      expect(await alice.next()).toMatchObject({ event: undefined, data: 'hello' })
    }
    expect(bob.events).toHaveLength(1)
  })

  test('answers 503 once the hub is closed', async () => {
    const { request, hub } = createAppHarness()
    await hub.close()
    expect((await problemIn(await request('/ping/alice', { method: 'POST' }))).status).toBe(503)
  })
})

describe('data', () => {
  const values = [
    [1, 'two', null, { three: [] }],
    { a: { b: 'c\nd' } },
    {},
    [],
    '',
    0,
    -1.5e-7,
    true,
    false,
    null,
  ]

  test.each(values)('that is JSON arrives as JSON: %j', async (data) => {
    const { request, listen } = createAppHarness()
    const reader = await listen('/sse?id=alice')
    expect((await request('/clients/alice', json({ data }))).status).toBe(200)
    const expected = typeof data === 'string' ? data : JSON.stringify(data)
    expect((await reader.next()).data).toBe(expected)
  })

  const strings: [string, string, string?][] = [
    ['line feeds', 'a\nb\n\nc\n'],
    ['carriage returns', 'a\rb\r', 'a\nb\n'],
    ['both', 'a\r\nb\r\n\r\nc\n\rd', 'a\nb\n\nc\n\nd'],
    ['lines that look like fields', 'x\n\nid: 9\nevent: hub:bye\ndata: forged\nretry: 1\n\n'],
    ['NUL', 'a\0b'],
    ['other line separators', 'a\u2028b\u2029c\x85d\x0be\x0cf'],
    ['a byte order mark', '\ufeffhello\ufeff'],
    ['spaces at both ends', '  hello  '],
    ['a leading colon', ': no comment'],
    ['nothing', ''],
    ['one line feed', '\n'],
    ['what looks like JSON', '{"data": 1}'],
    ['what looks like a form', 'data=a&b=%20+'],
    ['characters beyond the first plane', '🙂\u{10ffff}'],
  ]
  const spellings: [string, (data: string) => RequestInit][] = [
    ['JSON', (data) => json({ data })],
    ['text', text],
    ['a form', (data) => form(new URLSearchParams({ data }).toString())],
  ]

  describe.each(spellings)('as %s', (_spelling, spell) => {
    test.each(strings)('may contain %s', async (_, sent, arrives = sent) => {
      const { request, listen } = createAppHarness()
      const reader = await listen('/sse?id=alice')
      expect((await request('/clients/alice', spell(sent))).status).toBe(200)
      expect(await reader.next()).toMatchObject({ event: undefined, data: arrives })
      await request('/clients/alice', text('next'))
      expect(await reader.next()).toMatchObject({ data: 'next' })
    })
  })

  test.each(['"\\ud800"', '"a\\udc00b"', '"\\udc00\\ud800"'])(
    'that is a string with a lone surrogate (%s) is refused',
    async (string) => {
      const set = createAppHarness()
      const reader = await set.listen('/sse?id=alice')
      await expectRefused(set, `{"data":${string}}`)
      expect(reader.events).toHaveLength(1)
    },
  )

  test('may contain a lone surrogate in an object, which arrives escaped', async () => {
    const { request, listen } = createAppHarness()
    const reader = await listen('/sse?id=alice')
    const data = '{"half\\udc00":["\\ud800"]}'
    await request('/clients/alice', post(`{"data":${data}}`, 'application/json'))
    expect((await reader.next()).data).toBe(data)
  })

  test('may contain keys that every object has', async () => {
    const { request, listen } = createAppHarness()
    const reader = await listen('/sse?id=alice')
    const data = '{"__proto__":{"a":1},"constructor":{"prototype":2},"toJSON":3,"toString":4}'
    await request('/clients/alice', post(`{"data":${data}}`, 'application/json'))
    expect((await reader.next()).data).toBe(data)
    expect(({} as Record<string, unknown>).a).toBeUndefined()
  })

  test('may be nested 64 deep', async () => {
    const { request, listen } = createAppHarness()
    const reader = await listen('/sse?id=alice')
    const data = `${'['.repeat(64)}${']'.repeat(64)}`
    await request('/clients/alice', post(`{"data":${data}}`, 'application/json'))
    expect((await reader.next()).data).toBe(data)
  })

  test.each([
    ['lists', '['.repeat(100_000) + ']'.repeat(100_000)],
    ['objects', '{"a":'.repeat(100_000) + 0 + '}'.repeat(100_000)],
  ])('may not be %s nested 100,000 deep', async (_, data) => {
    await expectRefused(createAppHarness(), `{"data":${data}}`)
  })

  test.each(['1e400', '[-1e999]', `1${'0'.repeat(300)}e20`, `{"n":9${'9'.repeat(310)}}`])(
    'that JSON cannot hold (%s) is not turned into null',
    async (n) => {
      await expectRefused(createAppHarness(), `{"data":${n}}`)
    },
  )

  async function expectRefused({ request, errors }: AppHarness, body: string): Promise<void> {
    const response = await request('/clients/alice', post(body, 'application/json'))
    expect(response.status).toBe(400)
    await problemIn(response)
    expect(errors).toEqual([])
  }
})
