/** For any request: data arrives unchanged, names address exactly one client or topic, and nothing fails. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type AppHarness, createAppHarness, form, json, text } from '../../support/app-harness.ts'

const special = fc.constantFrom(
  '\r',
  '\n',
  '\r\n',
  '\0',
  ':',
  ' ',
  '\ufeff',
  '\u2028',
  '%',
  '&',
  '=',
)
const anyChar = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })
const unit = fc.oneof(anyChar, special)
const wellFormed = fc.array(unit, { maxLength: 60 }).map((units) => units.join(''))

test('a string arrives unchanged, sent as JSON, as text or as a form', async () => {
  const { request, listen } = createAppHarness()
  const reader = await listen('/sse?id=alice')
  const spellings = [
    (data: string) => json({ data }),
    (data: string) => text(data),
    (data: string) => form(new URLSearchParams({ data }).toString()),
    (data: string) => form(`data=${encodeURIComponent(data)}`),
  ]
  await fc.assert(
    fc.asyncProperty(wellFormed, async (data) => {
      for (const spell of spellings) {
        expect((await request('/clients/alice', spell(data))).status).toBe(200)
        expect((await reader.next()).data).toBe(data.replace(/\r\n?/g, '\n'))
      }
    }),
  )
})

test('any JSON arrives as the same JSON', async () => {
  const { request, listen } = createAppHarness()
  const reader = await listen('/sse?id=alice')
  await fc.assert(
    fc.asyncProperty(fc.jsonValue({ stringUnit: 'binary' }), async (data) => {
      expect((await request('/clients/alice', json({ data }))).status).toBe(200)
      const expected =
        typeof data === 'string' ? data.replace(/\r\n?/g, '\n') : JSON.stringify(data)
      expect((await reader.next()).data).toBe(expected)
    }),
  )
})

const tricky = fc.constantFrom(
  '%',
  '/',
  '%2F',
  '%25',
  '+',
  '?',
  '#',
  '&',
  '=',
  '..',
  '\\',
  ':',
  '**',
  ' ',
)
const name = fc
  .array(fc.oneof(anyChar, tricky), { minLength: 1, maxLength: 30 })
  .map((units) => units.join(''))
  .filter((id) => !/\p{Cc}/u.test(id) && id !== '.' && id !== '..' && id !== 'decoy')

/** `*` is for patterns. */
const topicName = name.map((text) => text.replaceAll('*', '~'))

test('a client id is the same in query and path, and names only that client', async () => {
  await fc.assert(
    fc.asyncProperty(name, topicName, async (id, topic) => {
      const { request, listen } = createAppHarness()
      const path = `/clients/${encodeURIComponent(id)}`
      const decoy = await listen('/sse?id=decoy')
      const reader = await listen(`/sse?${new URLSearchParams({ id, topic })}`)
      const sent = [path, `/topics/${encodeURIComponent(topic)}`]
      for (const to of sent) {
        expect(await (await request(to, text(to))).json()).toMatchObject({ connections: 1 })
        expect((await reader.next()).data).toBe(to)
      }
      expect(await (await request(path)).json()).toMatchObject({ client: id, connections: [{}] })
      expect(await (await request(sent[1] ?? '')).json()).toMatchObject({ topic, total: 1 })
      const gone = await request(path, { method: 'DELETE' })
      expect(await gone.json()).toMatchObject({ disconnected: 1 })
      expect(await reader.next()).toMatchObject({ event: 'hub:bye' })
      expect(decoy.events).toHaveLength(1)
      expect(decoy.ended).toBe(false)
    }),
  )
})

const raw = fc.array(fc.oneof(anyChar, tricky, fc.constantFrom('%00', '%ff', '%0A')), {
  maxLength: 8,
})
const segment = raw.map((units) => units.join(''))
const path = fc.oneof(
  { arbitrary: fc.constant('/sse'), weight: 4 },
  {
    arbitrary: fc.constantFrom('/broadcast', '/clients', '/healthz', '/readyz', '/', '/metrics'),
    weight: 2,
  },
  {
    arbitrary: fc
      .tuple(fc.constantFrom('/ping/', '/clients/', '/topics/', '/sse/'), segment)
      .map(([start, end]) => start + end),
    weight: 3,
  },
  { arbitrary: segment.map((end) => `/${end}`), weight: 1 },
)
const parameter = fc.tuple(
  fc.constantFrom('id', 'topic', 'lastEventId', 'limit', 'block', '__proto__', 'x'),
  fc.oneof(segment, fc.constantFrom('alice', '1', '60', 'earliest', '')),
)
const query = fc
  .array(parameter, { maxLength: 4 })
  .map((all) => all.map(([key, value]) => `${key}=${value}`).join('&'))
const latin1 = fc
  .array(fc.integer({ min: 0x20, max: 0xff }), { maxLength: 20 })
  .map((codes) => String.fromCharCode(...codes))
const types = fc.constantFrom('application/json', 'text/plain', 'application/x-www-form-urlencoded')
const headers = fc.record(
  {
    'Content-Type': fc.oneof({ arbitrary: types, weight: 5 }, { arbitrary: latin1, weight: 1 }),
    'Content-Encoding': latin1,
    'Content-Length': fc.oneof(fc.nat().map(String), latin1),
    'Transfer-Encoding': latin1,
    'Last-Event-ID': latin1,
  },
  { requiredKeys: [] },
)
const body = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.json().map(bytes),
  fc
    .record({ data: fc.jsonValue(), event: fc.string() })
    .map((value) => bytes(JSON.stringify(value))),
  fc.dictionary(fc.string(), fc.jsonValue()).map((value) => bytes(JSON.stringify(value))),
  segment.map((end) => bytes(`data=${end}`)),
)
const method = fc.constantFrom(
  'GET',
  'GET',
  'POST',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'HEAD',
  'OPTIONS',
  'X',
)

function bytes(string: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(string)
}

async function isOnlyStreamThatRegisters(
  set: AppHarness,
  init: RequestInit,
  path: string,
  search: string,
) {
  const response = await set.request(`${path}?${search}`, init)
  const { status, headers: sent } = response
  const isStream = status === 200 && sent.get('Content-Type')?.startsWith('text/event-stream')
  const { connections } = set.hub.stats()
  expect(status).not.toBe(500)
  expect(set.errors).toEqual([])
  if (status >= 400) expect(sent.get('Content-Type')).toBe('application/problem+json')
  const opens = init.method === 'GET' && path === '/sse' && isStream
  expect(connections).toBe(opens ? 1 : 0)
  await response.body?.cancel()
  await set.clock.runPending()
  expect(set.hub.stats().connections).toBe(0)
}

test('no request makes the app fail, and only GET /sse registers a client', async () => {
  await fc.assert(
    fc.asyncProperty(
      method,
      path,
      query,
      headers,
      body,
      async (verb, where, search, head, content) => {
        const hasBody = verb !== 'GET' && verb !== 'HEAD'
        const init = { method: verb, headers: head, ...(hasBody && { body: content }) }
        await isOnlyStreamThatRegisters(createAppHarness(), init, where, search)
      },
    ),
    { numRuns: 500 },
  )
})
