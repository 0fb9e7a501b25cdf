/** A token publishes and listens exactly as its claims allow. */
import { describe, expect, test } from 'vitest'
import { createAuthHarness, KEY, statusOf } from '../../support/auth-harness.ts'

const PATHS = ['/broadcast', '/clients/alice', '/clients/bob', '/topics/news', '/topics/sport']

describe('a token whose publish is', () => {
  test.each<[unknown, string[]]>([
    ['*', PATHS],
    [['everyone'], ['/broadcast']],
    [['client:alice'], ['/clients/alice']],
    [['client:*'], ['/clients/alice', '/clients/bob']],
    [['topic:news'], ['/topics/news']],
    [['topic:*'], ['/topics/news', '/topics/sport']],
    [
      ['client:bob', 'topic:sport'],
      ['/clients/bob', '/topics/sport'],
    ],
    [[], []],
    [undefined, []],
    [['topic:alice', 'client:news', 'client:al*'], []],
  ])('%j publishes to %j alone', async (publish, allowed) => {
    const { postJson, request, token } = createAuthHarness()
    const credential = await token({ sub: 'carol', publish })
    for (const path of PATHS) {
      const status = await statusOf(postJson(path, credential, { data: 1 }))
      expect([path, status]).toEqual([path, allowed.includes(path) ? 200 : 403])
    }
    const ping = await statusOf(request('/ping/alice', credential, { method: 'POST' }))
    expect(ping).toBe(allowed.includes('/clients/alice') ? 200 : 403)
  })
})

test('a token publishes to the topics that its patterns cover, and to no pattern', async () => {
  const { postJson, token } = createAuthHarness()
  const credential = await token({ publish: ['topic:a/*', 'topic:b/**', 'client:c/*'] })
  const statusFor = (name: string) =>
    statusOf(
      postJson(`/${name.replace(/\//g, '%2F').replace('%2F', '/')}`, credential, { data: 1 }),
    )
  for (const name of ['topics/a/1', 'topics/a/', 'topics/b/1', 'topics/b/1/2']) {
    expect([name, await statusFor(name)]).toEqual([name, 200])
  }
  for (const name of ['topics/a', 'topics/a/1/2', 'topics/b', 'topics/c', 'clients/c/1']) {
    expect([name, await statusFor(name)]).toEqual([name, 403])
  }
  for (const name of ['topics/a/*', 'topics/b/**', 'topics/*']) {
    expect([name, await statusFor(name)]).toEqual([name, 400])
  }
  const to = [{ topic: ['b/1', 'b/2'] }, { topic: ['b/1', 'c'] }, { topic: 'b/*' }]
  const batch = to.map((one) => ({ to: one, data: 1 }))
  const answers = await (await postJson('/publish', credential, batch)).json()
  expect(answers).toMatchObject([{ connections: 0 }, { status: 403 }, { status: 400 }])
})

test('no spelling of a path bypasses its permission', async () => {
  const { postJson, token, hub } = createAuthHarness()
  const credential = await token({ publish: ['client:alice', 'topic:news'] })
  const paths = [
    '/clients/alice%2F..%2Fbob',
    '/clients/bob%00alice',
    '/clients/Alice',
    '/clients/alice%20',
    '/clients/%61lic%65%65',
    '/clients//alice',
    '/CLIENTS/alice',
    '/clients/alice/',
    '/topics/news%2A',
    '/topics/*',
    '/clients/*',
  ]
  for (const path of paths) {
    const status = await statusOf(postJson(path, credential, { data: 1 }))
    expect([path, [400, 403, 404].includes(status)]).toEqual([path, true])
  }
  expect(hub.stats().published).toBe(0)
  expect(await statusOf(postJson('/clients/%61lice', credential, { data: 1 }))).toBe(200)
})

test('no token has operator permissions, whatever it claims', async () => {
  const { request, token } = createAuthHarness()
  const credential = await token({ sub: 'alice', publish: '*', topics: '*', operate: true })
  for (const path of ['/clients', '/clients/alice', '/topics/news', '/metrics']) {
    expect(await statusOf(request(path, credential))).toBe(403)
    expect(await statusOf(request(path))).toBe(401)
    expect(await statusOf(request(path, KEY))).toBe(200)
  }
  expect(await statusOf(request('/clients/alice', credential, { method: 'DELETE' }))).toBe(403)
})

describe('listening with a token', () => {
  test('the sub is the client when the query names none', async () => {
    const { listen, token, hub } = createAuthHarness()
    const reader = await listen('/sse', await token({ sub: 'alice' }))
    expect(JSON.parse(reader.events[0]?.data ?? '')).toMatchObject({ client: 'alice', topics: [] })
    expect((await hub.clients()).rows).toMatchObject([{ client: 'alice' }])
    await reader.close()
  })

  test('the token’s own id in the query is accepted, and another is 403', async () => {
    const { request, token, hub } = createAuthHarness()
    const credential = await token({ sub: 'alice' })
    expect(await statusOf(request('/sse?id=alice', credential))).toBe(200)
    for (const id of ['bob', 'Alice', 'alice%20']) {
      const response = await request(`/sse?id=${id}`, credential)
      expect(response.status).toBe(403)
      expect(await response.text()).not.toContain('alice')
    }
    expect(hub.stats().clients).toBe(0)
  })

  test('a token without a sub cannot listen as any client', async () => {
    const { request, token } = createAuthHarness()
    const credential = await token({ topics: '*', publish: '*' })
    expect(await statusOf(request('/sse', credential))).toBe(403)
    expect(await statusOf(request('/sse?id=alice', credential))).toBe(403)
  })

  test('a topic that the token does not list is 403, even beside one that it lists', async () => {
    const { request, token, hub } = createAuthHarness()
    const credential = await token({ sub: 'alice', topics: ['news'] })
    expect(await statusOf(request('/sse?topic=news', credential))).toBe(200)
    for (const query of ['topic=sport', 'topic=news&topic=sport', 'topic=a/*', 'topic=abc']) {
      expect(await statusOf(request(`/sse?${query}`, credential))).toBe(403)
    }
    expect(hub.stats().topics).toBe(0)
  })

  test.each<[string, string[], string[]]>([
    ['orders/*', ['orders/*', 'orders/1'], ['orders', 'orders/**', 'orders/1/2', 'orders/1/*']],
    ['orders/**', ['orders/*', 'orders/**', 'orders/1/2', 'orders/1/*'], ['orders', 'order/1']],
    ['orders/1', ['orders/1'], ['orders/*', 'orders/**', 'orders/1/*', 'orders/12']],
    ['*', ['orders/*', 'a/**', 'news'], []],
  ])('a token for %s follows what that covers, and nothing else', async (topic, own, others) => {
    const { request, token, ticket } = createAuthHarness()
    const topics = topic === '*' ? topic : [topic]
    const credential = await token({ sub: 'alice', topics })
    for (const [names, status] of [
      [own, 200],
      [others, 403],
    ] as const) {
      for (const name of names) {
        expect([name, await statusOf(request(`/sse?topic=${name}`, credential))]).toEqual([
          name,
          status,
        ])
        if (topic === '*') continue
        const query = `topic=${name}&ticket=${await ticket({ client: 'alice', topics: [topic] })}`
        expect([name, await statusOf(request(`/sse?${query}`))]).toEqual([name, status])
      }
    }
  })

  test('a token without topics can follow none', async () => {
    const { request, listen, token } = createAuthHarness()
    const credential = await token({ sub: 'alice' })
    expect(await statusOf(request('/sse?topic=news', credential))).toBe(403)
    const reader = await listen('/sse', await token({ sub: 'alice', topics: ['news'] }))
    expect(JSON.parse(reader.events[0]?.data ?? '')).toMatchObject({ topics: [] })
    await reader.close()
  })

  test('a token for all topics can follow any, and receives no event for another client', async () => {
    const { listen, token, postJson } = createAuthHarness()
    const reader = await listen('/sse?topic=any', await token({ sub: 'alice', topics: '*' }))
    await postJson('/clients/bob', KEY, { data: 'for bob' })
    await postJson('/topics/any', KEY, { data: 'for any' })
    expect((await reader.next()).data).toBe('for any')
    await reader.close()
  })

  test('the replay contains no event for another client or topic', async () => {
    const { listen, token, postJson } = createAuthHarness()
    for (const path of ['/clients/bob', '/topics/secret', '/clients/alice', '/broadcast']) {
      await postJson(path, KEY, { data: path })
    }
    const reader = await listen('/sse?lastEventId=earliest', await token({ sub: 'alice' }))
    expect((await reader.next()).data).toBe('/clients/alice')
    expect((await reader.next()).data).toBe('/broadcast')
    expect(reader.events).toHaveLength(3)
    await reader.close()
  })

  test('at exp the stream says goodbye, and the token opens no other after the clock skew', async () => {
    const { listen, request, token, clock, hub } = createAuthHarness()
    const credential = await token({ sub: 'alice', exp: 60 })
    const reader = await listen('/sse', credential)
    await clock.advance(59_000)
    expect(reader.ended).toBe(false)
    await clock.advance(2_000)
    const bye = await reader.next(({ event }) => event === 'hub:bye')
    expect(JSON.parse(bye.data)).toEqual({ reason: 'expired' })
    await reader.end()
    expect(hub.stats()).toMatchObject({ connections: 0, closing: 0 })
    await clock.advance(30_000)
    expect(await statusOf(request('/sse', credential))).toBe(401)
  })

  test('a token that expired within the clock skew stays valid until the skew ends', async () => {
    const { listen, token, clock } = createAuthHarness()
    const reader = await listen('/sse', await token({ sub: 'alice', exp: -20 }))
    await clock.advance(11_000)
    const bye = await reader.next(({ event }) => event === 'hub:bye')
    expect(JSON.parse(bye.data)).toEqual({ reason: 'expired' })
  })
})
