/** A problem states its rules whole, and cuts only what it quotes of a request. */
import { expect, test } from 'vitest'
import { FOLLOWED_RULE, TOPIC_RULE } from '../../../src/core/address.ts'
import { createAppHarness, json, problemIn } from '../../support/app-harness.ts'
import { createAuthHarness, KEY } from '../../support/auth-harness.ts'

test('a rule is whole, however long it is', async () => {
  const { request } = createAppHarness()
  const { issues } = await problemIn(await request('/sse?topic=a/b/c/d/e/f/g/h/i/j/*'))
  expect(issues).toEqual([{ path: 'query.topic.0', message: FOLLOWED_RULE }])
})

test('each unknown field is named, and its name is cut', async () => {
  const { request } = createAppHarness()
  const long = 'x'.repeat(10_000)
  const event = { data: 1, colour: 'red', [long]: 1 }
  const { issues, detail } = await problemIn(await request('/broadcast', json(event)))
  expect(issues).toEqual([
    { path: 'json.colour', message: 'is unknown' },
    { path: `json.${'x'.repeat(100)}…`, message: 'is unknown' },
  ])
  expect(detail).toBe(`json.colour is unknown; json.${'x'.repeat(100)}… is unknown.`)
})

test('at most 20 fields are named', async () => {
  const { request } = createAppHarness()
  const unknown = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`x${n}`, n]))
  const { issues } = await problemIn(await request('/broadcast', json({ data: 1, ...unknown })))
  expect(issues).toHaveLength(20)
})

test.each([
  ['query.key', '/clients/a/stop', { method: 'POST' }],
  ['json.data', '/broadcast', json({ event: 'a' })],
])('%s that is missing is reported as missing', async (field, path, init) => {
  const { request } = createAppHarness()
  const { issues } = await problemIn(await request(path, init))
  expect(issues).toEqual([{ path: field, message: expect.stringMatching(/^is missing/) }])
})

test('a parameter that is repeated, or too long, is reported as that', async () => {
  const { request } = createAppHarness()
  const stop = (query: string) => request(`/clients/a/stop?${query}`, { method: 'POST' })
  expect((await problemIn(await stop('key=a&key=b'))).detail).toBe(
    'query.key must be sent at most once.',
  )
  expect((await problemIn(await stop(`key=a&ticket=${'x'.repeat(32_769)}`))).detail).toBe(
    'query.ticket must have at most 32768 characters.',
  )
  expect((await problemIn(await request(`/sse?ticket=${'x'.repeat(32_769)}`))).detail).toBe(
    'query.ticket must have at most 32768 characters.',
  )
})

test('a batch, and what asks for a ticket, say what is missing', async () => {
  const { postJson } = createAuthHarness()
  const ticket = await problemIn(await postJson('/tickets', KEY, { topics: [] }))
  expect(ticket.detail).toBe('json.client is missing.')
  const results = await (await postJson('/publish', KEY, [{ data: 1 }, { to: 'everyone' }])).json()
  expect(results).toMatchObject([
    { status: 400, detail: 'json.to is missing.' },
    { status: 400, detail: 'json.data is missing: send it, even if it is null.' },
  ])
})

test('a problem with a pattern says that it can only be followed', async () => {
  const { request } = createAppHarness()
  const rule = `${TOPIC_RULE}. Patterns can only be followed: name each topic`
  const one = await problemIn(await request('/topics/orders%2F*', json({ data: 1 })))
  expect(one.issues).toEqual([{ path: 'param.topic', message: rule }])
  const events = ['orders/*', ['news', 'orders/*']].map((topic) => ({ to: { topic }, data: 1 }))
  expect(await (await request('/publish', json(events))).json()).toMatchObject([
    { issues: [{ path: 'json.to.topic', message: expect.stringContaining(rule) }] },
    { issues: [{ path: 'json.to.topic.1', message: rule }] },
  ])
})
