/** An event may carry as many bytes as the hub allows, in any encoding, and not one more. */
import { describe, expect, test } from 'vitest'
import {
  type AppHarness,
  createAppHarness,
  form,
  json,
  post,
  problemIn,
  streamed,
  text,
} from '../../support/app-harness.ts'

const MAX = 262_144

async function expectArrival({ request, listen }: AppHarness, init: RequestInit, data: string) {
  const reader = await listen('/sse?id=alice')
  const response = await request('/clients/alice', init)
  expect(response.status).toBe(200)
  expect((await reader.next()).data === data).toBe(true)
  expect(reader.ended).toBe(false)
}

async function expectTooLarge(set: AppHarness, init: RequestInit) {
  const reader = await set.listen('/sse?id=alice')
  const response = await set.request('/clients/alice', init)
  expect(response.status).toBe(413)
  const { detail, code } = await problemIn(response)
  expect(detail).toContain(String(set.hub.maxEventBytes))
  expect(code).toBe('event-too-large')
  expect(reader.events).toHaveLength(1)
  expect(set.errors).toEqual([])
}

/** JSON that spells each character with six bytes. */
const escaped = (data: string) =>
  `{"data":"${data
    .split('')
    .map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('')}"}`

const percent = (data: string) =>
  `data=${[...new TextEncoder().encode(data)].map((b) => `%${b.toString(16).padStart(2, '0')}`).join('')}`

const spellings: [string, (data: string) => RequestInit][] = [
  ['JSON', (data) => json({ data })],
  ['JSON with each character escaped', (data) => post(escaped(data), 'application/json')],
  ['text', text],
  ['a form', (data) => form(new URLSearchParams({ data }).toString())],
  ['a form with each byte escaped', (data) => form(percent(data))],
]

describe.each(spellings)('as %s', (_, spell) => {
  test('262,144 bytes are accepted', async () => {
    const data = 'x'.repeat(MAX)
    await expectArrival(createAppHarness(), spell(data), data)
  })

  test('262,145 bytes are too large', async () => {
    await expectTooLarge(createAppHarness(), spell('x'.repeat(MAX + 1)))
  })

  test('the limit counts bytes, not characters', async () => {
    const data = 'é'.repeat(MAX / 2)
    await expectArrival(createAppHarness(), spell(data), data)
    await expectTooLarge(createAppHarness(), spell(`${data}x`))
    await expectTooLarge(createAppHarness(), spell('🙂'.repeat(MAX / 4 + 1)))
  })
})

test('data sent as JSON is measured as JSON', async () => {
  const set = createAppHarness({ maxEventBytes: 10 })
  await expectArrival(set, json({ data: ['123456'] }), '["123456"]')
  await expectTooLarge(set, json({ data: ['1234567'] }))
})

test('names do not count against the limit of the data', async () => {
  const { request } = createAppHarness({ maxEventBytes: 1 })
  const body = { data: 'x', event: '🙂'.repeat(128), ephemeral: false }
  expect((await request('/clients/alice', json(body))).status).toBe(200)
})

test('a declared length that is too large is refused before the body is read', async () => {
  let pulled = 0
  const body = new ReadableStream({
    pull: (controller) => {
      pulled += 1
      controller.enqueue(new Uint8Array(1_024))
    },
  })
  const init = streamed(body, 'text/plain')
  const headers = { 'Content-Type': 'text/plain', 'Content-Length': '100000000' }
  await expectTooLarge(createAppHarness(), { ...init, headers })
  expect(pulled).toBeLessThan(10)
})

test('a body that never ends is refused as soon as it is too large', async () => {
  let bytes = 0
  const body = new ReadableStream({
    pull: (controller) => {
      bytes += 65_536
      controller.enqueue(new Uint8Array(65_536).fill(0x78))
    },
  })
  await expectTooLarge(createAppHarness(), streamed(body, 'text/plain'))
  expect(bytes).toBeLessThan(MAX * 7)
})

test('a body of another type that is too large is refused, too', async () => {
  const { request } = createAppHarness({ maxEventBytes: 1 })
  const response = await request('/broadcast', post('x'.repeat(10_000), 'application/xml'))
  expect([413, 415]).toContain(response.status)
})

describe('a body of nothing but line breaks', () => {
  // Each costs seven bytes on the wire: a line feed, and the name of the next field.
  const most = Math.floor(MAX / 7)

  test.each(['\n', '\r', '\r\n'])(
    '(%j) arrives when it fits its bound on the wire',
    async (end) => {
      await expectArrival(createAppHarness(), text(end.repeat(most)), '\n'.repeat(most))
    },
  )

  test.each(['\n', '\r', '\r\n'])('(%j) is too large when it does not', async (end) => {
    await expectTooLarge(createAppHarness(), text(end.repeat(most + 1)))
    await expectTooLarge(createAppHarness(), json({ data: end.repeat(MAX / 2) }))
  })

  test('cuts off no client, even with the smallest queue that the hub allows', async () => {
    const set = createAppHarness({ maxEventBytes: MAX, maxQueuedBytes: MAX + 65_536 })
    const data = '\n'.repeat(most)
    const reader = await set.listen('/sse?id=alice')
    for (let n = 0; n < 10; n++) {
      expect((await set.request('/clients/alice', text(data))).status).toBe(200)
      expect((await reader.next()).data === data).toBe(true)
    }
    expect(await set.connected()).toBe(1)
  })
})

test('the largest possible opening fits the smallest queue', async () => {
  const { listen, request } = createAppHarness({ maxEventBytes: 1, maxQueuedBytes: 1 + 65_536 })
  const query = new URLSearchParams({ id: '🙂'.repeat(128) })
  for (let n = 0; n < 50; n++) query.append('topic', `${n}${'🙂'.repeat(126)}`)
  const reader = await listen(`/sse?${query}`, { headers: { 'Last-Event-ID': 'x'.repeat(9_999) } })
  await request('/broadcast', json({ data: 'x', event: '🙂'.repeat(128) }))
  expect(await reader.next(({ data }) => data === 'x')).toBeDefined()
  expect(reader.ended).toBe(false)
})
