/** A request that is repeated with its idempotency key gets the result of the first, and publishes nothing. */
import { describe, expect, test } from 'vitest'
import { createApp } from '../../../src/http/app.ts'
import { createAccess } from '../../../src/http/auth/access.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { createAppHarness, form, json, post, problemIn, text } from '../../support/app-harness.ts'
import { answersIn, ndjson } from '../../support/batch.ts'
import { manualClock } from '../../support/clock.ts'

const KEY = 'order-1'

function withKey(init: RequestInit, key: string = KEY): RequestInit {
  return { ...init, headers: { ...init.headers, 'Idempotency-Key': key } }
}

async function resultOf(response: Response): Promise<unknown> {
  expect(response.status).toBe(200)
  return await response.json()
}

const ROUTES: readonly (readonly [string, RequestInit])[] = [
  ['/clients/alice', json({ data: 'hello' })],
  ['/topics/news', text('hello')],
  ['/broadcast', form('data=hello')],
  ['/ping/alice', post('')],
]

describe.each(ROUTES)('POST %s', (path, init) => {
  test('publishes once for each key', async () => {
    const { request, listen, hub } = createAppHarness()
    const reader = await listen('/sse?id=alice&topic=news')
    const first = await resultOf(await request(path, withKey(init)))
    const second = await listen('/sse?id=alice&topic=news')
    expect(await resultOf(await request(path, withKey(init, `"${KEY}"`)))).toEqual(first)
    const other = await resultOf(await request(path, withKey(init, 'order-2')))
    expect(other).not.toEqual(first)
    expect(hub.stats().journal.events).toBe(2)
    expect(await reader.next()).toMatchObject({ data: 'hello' })
    expect(await second.next()).toMatchObject({ id: (other as { id: string }).id })
  })

  test('answers 422 to the same key at another address, and says what to do', async () => {
    const { request, hub } = createAppHarness()
    await request('/clients/bob', withKey(json({ data: 'hello' })))
    const { status, detail } = await problemIn(await request(path, withKey(init)))
    expect({ status, detail }).toEqual({
      status: 422,
      detail:
        'This idempotency key was used for another event or another address: send a new key with each event.',
    })
    expect(hub.stats().journal.events).toBe(1)
  })

  test.each(['', 'a b', 'x'.repeat(256), 'a, b'])('answers 400 to the key %j', async (key) => {
    const { request, hub } = createAppHarness()
    const { status, detail } = await problemIn(await request(path, withKey(init, key)))
    expect({ status, detail }).toEqual({
      status: 400,
      detail:
        'The header Idempotency-Key must have 1 to 255 visible ASCII characters and no spaces.',
    })
    expect(hub.stats().journal.events).toBe(0)
  })

  test('answers 501 where keys are turned off', async () => {
    const { request } = createAppHarness({ idempotencyMs: 0 })
    expect((await problemIn(await request(path, withKey(init)))).status).toBe(501)
    expect((await request(path, init)).status).toBe(200)
  })
})

test('a key may be in the body of a single event, but not in the header as well', async () => {
  const { request } = createAppHarness()
  const body = json({ data: 'hello', idempotencyKey: KEY })
  const first = await resultOf(await request('/broadcast', body))
  expect(await resultOf(await request('/broadcast', body))).toEqual(first)
  const inHeader = withKey(json({ data: 'hello' }))
  expect(await resultOf(await request('/broadcast', inHeader))).toEqual(first)
  const { status, detail } = await problemIn(await request('/broadcast', withKey(body)))
  expect(status).toBe(400)
  expect(detail).toContain('two idempotency keys')
})

test('an ephemeral event with a key is refused', async () => {
  const { request } = createAppHarness()
  const init = withKey(json({ data: 'typing', ephemeral: true }))
  const { status, detail } = await problemIn(await request('/broadcast', init))
  expect(status).toBe(400)
  expect(detail).toContain('omit the key, or ephemeral')
})

describe('a batch', () => {
  const lines = [
    { to: { client: 'alice' }, data: 1, idempotencyKey: 'a' },
    { to: 'everyone', data: 2 },
    { to: { client: ['alice', 'bob'] }, data: 3, idempotencyKey: 'b' },
    { to: { client: 'alice' }, data: 1, idempotencyKey: 'a' },
    { to: { client: 'alice' }, data: 4, idempotencyKey: 'a' },
    { to: { client: 'alice' }, data: 5, idempotencyKey: 'not a key' },
  ]

  test.each([
    ['NDJSON', ndjson(lines), answersIn],
    ['a JSON array', json(lines), resultOf],
  ])('in %s has a key for each event', async (_, init, read) => {
    const { request, hub } = createAppHarness()
    const first = (await read(await request('/publish', init))) as { id: string }[]
    expect(first.slice(0, 4)).toMatchObject([
      { id: expect.stringMatching(/-1$/) },
      { id: expect.stringMatching(/-2$/) },
      { id: expect.stringMatching(/-3$/) },
      { id: first[0]?.id },
    ])
    expect(first.slice(4)).toMatchObject([{ status: 422 }, { status: 400 }])
    const again = (await read(await request('/publish', init))) as { id: string }[]
    expect([again[0], again[2], again[3]]).toEqual([first[0], first[2], first[3]])
    expect(again[1]?.id).toMatch(/-4$/)
    expect(hub.stats().journal).toMatchObject({ events: 5 })
  })

  test('of lines for one address has a key for each of them', async () => {
    const { request } = createAppHarness()
    const init = ndjson([{ data: 1, idempotencyKey: 'a' }, { data: 1 }])
    const [keyed, plain] = await answersIn(await request('/clients/alice', init))
    const [same, other] = await answersIn(await request('/clients/alice', init))
    expect(same).toEqual(keyed)
    expect(other).not.toEqual(plain)
  })

  test.each([
    ['/publish', ndjson(lines)],
    ['/publish', json(lines)],
    ['/broadcast', ndjson([{ data: 1 }])],
  ])('to %s with the header is refused, which says where keys belong', async (path, init) => {
    const { request, hub } = createAppHarness()
    const { status, detail } = await problemIn(await request(path, withKey(init)))
    expect({ status, detail }).toEqual({
      status: 400,
      detail:
        'The header Idempotency-Key can’t be used for several events: send a field idempotencyKey with each of them.',
    })
    expect(hub.stats().journal.events).toBe(0)
  })
})

describe('with access control', () => {
  const [OLD, NEW, OTHER] = ['old-key-0123456789', 'new-key-0123456789', 'other-key-0123456789']

  /** Two apps of one hub, as before and after its keys were rotated. */
  function setUp() {
    const clock = manualClock()
    const hub = createHub({ clock })
    const app = (...keys: string[]) =>
      createApp({ hub, access: createAccess({ hub, keys, clock }) })
    const before = app(OLD, OTHER)
    const after = app(NEW, OLD, OTHER)
    const publish = async (key: string, to = before) => {
      const init = withKey(json({ data: 'hello' }))
      const headers = { ...init.headers, Authorization: `Bearer ${key}` }
      return (await resultOf(await to.request('/broadcast', { ...init, headers }))) as {
        id: string
      }
    }
    return { publish, after }
  }

  test('the same idempotency key of another publish key is another key', async () => {
    const { publish } = setUp()
    const first = await publish(OLD)
    expect((await publish(OTHER)).id).not.toBe(first.id)
    expect((await publish(OLD)).id).toBe(first.id)
  })

  test('idempotency keys stay those of a publish key that has another place in the list', async () => {
    const { publish, after } = setUp()
    const first = await publish(OLD)
    expect((await publish(OLD, after)).id).toBe(first.id)
    expect((await publish(NEW, after)).id).not.toBe(first.id)
  })
})

test('of those who log in, each has keys of their own', async () => {
  const { request } = createAppHarness(
    {},
    {
      access: (c) => {
        const client = c.req.header('X-User')
        return client === undefined ? undefined : { client, publish: '*' }
      },
    },
  )
  const publish = async (user: string) => {
    const init = withKey(json({ data: 'hello' }))
    const headers = { ...init.headers, 'X-User': user }
    return await resultOf(await request('/broadcast', { ...init, headers }))
  }
  const first = await publish('alice')
  expect(await publish('bob')).not.toEqual(first)
  expect(await publish('alice')).toEqual(first)
})
