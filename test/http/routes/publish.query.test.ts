/** Routes that publish refuse the fields of an event in the query, instead of dropping them. */
import { describe, expect, test } from 'vitest'
import { asPiped } from '../../../src/http/batch/publisher.ts'
import { createAppHarness, form, json, post, problemIn, text } from '../../support/app-harness.ts'

const SSE = 'text/event-stream'
const NDJSON = 'application/x-ndjson'
const STREAM = 'data: 1\n\n'
const ADDRESSED = ['/clients/alice', '/topics/news', '/broadcast']
const ELSEWHERE = 'is not read here: the fields of an event belong in its body, as JSON or a form'

describe.each(ADDRESSED)('POST %s', (path) => {
  test.each([
    ['text', text('hi')],
    ['JSON', json({ data: 'hi' })],
    ['a form', form('data=hi')],
    ['NDJSON', post('{"data":"hi"}', NDJSON)],
  ])('with %s reads no fields in the query', async (_, init) => {
    const { request, hub } = createAppHarness()
    const response = await request(`${path}?event=token&ephemeral=true`, init)
    expect(response.status).toBe(400)
    expect((await problemIn(response)).issues).toEqual([
      { path: 'query.event', message: ELSEWHERE },
      { path: 'query.ephemeral', message: ELSEWHERE },
    ])
    expect(hub.stats().published).toBe(0)
  })

  test('with an event stream reads its own options only', async () => {
    const { request, hub } = createAppHarness()
    const query = '?event=token&retain=true&replace=true&onabort=cut'
    const response = await request(path + query, post(STREAM, SSE))
    const { issues = [] } = await problemIn(response)
    expect(issues.map((one) => one.path)).toEqual([
      'query.retain',
      'query.replace',
      'query.onabort',
    ])
    expect(hub.stats().published).toBe(0)
  })

  test('answers a type that it does not support with 415, also with the query of an event stream', async () => {
    const { request } = createAppHarness()
    for (const type of [`${SSE};charset=latin1`, `${SSE.toUpperCase()} ; charset=utf-16`]) {
      expect((await request(`${path}?key=a&event=b`, post(STREAM, type))).status).toBe(415)
    }
  })
})

test('a batch reads none of them either', async () => {
  const { request } = createAppHarness()
  const event = { to: 'everyone', data: 1 }
  const batch = await request('/publish?ephemeral=true', json([event]))
  expect(await problemIn(batch)).toMatchObject({
    status: 400,
    detail: `query.ephemeral ${ELSEWHERE}.`,
  })
  const lines = await request('/publish?to=x', post(JSON.stringify(event), NDJSON))
  expect(await problemIn(lines)).toMatchObject({ status: 400, detail: `query.to ${ELSEWHERE}.` })
})

test('other names belong to an app that mounts this one', async () => {
  const { request } = createAppHarness()
  for (const path of ADDRESSED) {
    expect((await request(`${path}?tenant=7`, json({ data: 'hi' }))).status).toBe(200)
    expect((await request(`${path}?tenant=7&event=x`, post(STREAM, SSE))).status).toBe(200)
  }
  const stop = await request('/clients/alice/stop?key=a&tenant=7', { method: 'POST' })
  expect(stop.status).toBe(200)
})

test('lines of a stream whose query a Worker has read are published', async () => {
  const { app } = createAppHarness()
  const lines = new Request('http://localhost/topics/news?event=token', {
    ...post('{"data":"1","event":"token"}', NDJSON),
  })
  expect((await app.fetch(lines.clone())).status).toBe(400)
  expect((await app.fetch(asPiped(lines))).status).toBe(200)
})

test('an empty query is none', async () => {
  const { request } = createAppHarness()
  for (const query of ['?', '?&']) {
    expect((await request(`/broadcast${query}`, text('hi'))).status).toBe(200)
  }
})

describe('a credential in the query', () => {
  const CREDENTIAL =
    'Credentials are not accepted in a URL, because logs store URLs: send "Authorization: Bearer …".'

  test.each([
    ['/broadcast?token=secret', text('hi')],
    ['/broadcast?event=x&api_key=secret', text('hi')],
    ['/broadcast?event=x&key=k&token=secret', post(STREAM, SSE)],
    ['/sse?key=secret', {}],
  ])('is refused as that, without its value: %s', async (path, init) => {
    const { request } = createAppHarness()
    expect((await problemIn(await request(path, init))).detail).toBe(CREDENTIAL)
  })

  test.each([...ADDRESSED, '/publish'])('or the key of an event: %s says both', async (path) => {
    const { request } = createAppHarness()
    const { detail } = await problemIn(await request(`${path}?key=k1`, form('data=1')))
    expect(detail).toBe(`${CREDENTIAL} The key of an event belongs in its body.`)
  })
})
