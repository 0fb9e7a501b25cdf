/** The Worker of one's own in the documentation, in workerd: it opens streams and publishes without the hub's HTTP interface. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { hasData, named, publishedData } from '../../support/events.ts'
import { eventually } from '../../support/eventually.ts'
import { ROOT } from '../../support/process.ts'
import { type Reader, readEvents } from '../../support/reader.ts'
import { createWorkerStorage, type RunningWorker } from '../../support/worker/edge.ts'
import { openPipe } from '../../system/behaviour/piping.ts'
import { blocksIn, textOf } from '../../system/docs/document.ts'

vi.setConfig({ hookTimeout: 90_000 })

/** Beside the modules that it imports. */
const FOLDER = 'coverage/own-worker'

const disk = createWorkerStorage()
let url = ''
beforeAll(async () => {
  const block = blocksIn(textOf('docs/cloudflare.md')).find(({ title }) => title === 'worker.ts')
  mkdirSync(`${ROOT}/${FOLDER}`, { recursive: true })
  writeFileSync(`${ROOT}/${FOLDER}/worker.ts`, `${block?.code}\n${ROUTES}`)
  const environment = { ALLOW_ANONYMOUS: 'false' }
  const entry = { ENTRYPOINT: `${FOLDER}/worker.ts`, HEARTBEAT_SECONDS: '0.3', HUB_SHARDS: '2' }
  url = (await disk.start({ ...environment, ...entry })).url
})
afterAll(disk.remove)

/** Starts another Worker, with storage of its own. */
async function startOther(name: string): Promise<RunningWorker> {
  const other = createWorkerStorage()
  onTestFinished(other.remove)
  return await other.start({ ENTRYPOINT: `test/support/worker/${name}` })
}

/** More routes for this test. */
const ROUTES = `
app.delete('/me', async (c) => c.json(await hubOf(c.env).disconnect(userOf(c) ?? '')))
app.post('/typing', async (c) => {
  const event = { data: 'typing', ephemeral: true }
  return c.json(await hubOf(c.env).publish({ client: userOf(c) ?? '' }, event))
})
app.post('/all/:who', async (c) => {
  const addresses = c.req.param('who').split('+').map((client) => ({ client }))
  return c.json(await hubOf(c.env).publish(addresses, { event: 'note', data: 'hello' }))
})
app.post('/once', async (c) => {
  const publishing = hubOf(c.env).publish('everyone', { data: await c.req.text() }, { idempotencyKey: 'a' })
  return c.json(await publishing.catch(({ code }) => ({ code })))
})
app.post('/pipe/:who', async (c) => {
  const who = c.req.param('who')
  const addresses = who === 'everyone' ? who : who.split('+').map((client) => ({ client }))
  const options = { event: 'token', key: 'answer', onAbort: 'cut-off' }
  const source = c.req.raw.body ?? []
  const piping = hubOf(c.env).pipe(addresses, source, options)
  return c.json(await piping.catch(({ code, message }) => ({ code, message })))
})
app.post('/endless', async (c) => {
  const user = { client: userOf(c) ?? '' }
  const source = (async function* () {
    for (let n = 0; ; n += 1) {
      yield 'data: ' + n + '\\n\\n'
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  void hubOf(c.env).pipe(user, source, { onAbort: 'cut-off' })
  // The platform ends this Worker when its client leaves.
  return new Response(new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      controller.enqueue(new TextEncoder().encode('.'))
    }
  }))
})
app.post('/stop/:who', async (c) => c.json(await hubOf(c.env).stop(c.req.param('who'), 'answer')))
app.post('/bad', async (c) => {
  const { name, code, status } = await hubOf(c.env)
    .publish('everyone', { event: 'hub:bad', data: 1 })
    .catch((error) => error)
  return c.json({ name, code, status })
})
`

function request(path: string, method = 'GET', user = 'alice'): Promise<Response> {
  return fetch(url + path, { method, headers: { 'X-User': user } })
}

async function connections(user: string): Promise<number> {
  const result = await (await request('/typing', 'POST', user)).json()
  return (result as { connections: number }).connections
}

async function listenAs(user: string): Promise<Reader> {
  const reader = readEvents(await request('/events', 'GET', user))
  await reader.next(({ event }) => event === 'hub:ready')
  return reader
}

test('only a person who is logged in may listen', async () => {
  expect((await fetch(`${url}/events`)).status).toBe(401)
  const forged = { 'Hub-Permit': crypto.randomUUID() }
  expect((await fetch(`${url}/events`, { headers: forged })).status).toBe(401)
  const { status } = await request('/sse?id=alice')
  expect(status).toBe(404)
})

test('each person receives their own events, on whichever object they are', async () => {
  const [alice, bob] = [await listenAs('alice'), await listenAs('bob')]
  expect((await request('/orders', 'POST', 'bob')).status).toBe(204)
  expect(await bob.next(({ event }) => event === 'order')).toMatchObject({
    data: '{"state":"paid"}',
  })
  expect((await request('/orders', 'POST', 'alice')).status).toBe(204)
  expect(await alice.next(({ event }) => event === 'order')).toBeDefined()
  await Promise.all([alice.close(), bob.close()])
})

test('several people receive one event, on whichever objects they are, and so does one who returns', async () => {
  const names = ['ann', 'ben', 'cleo', 'dan']
  const readers = await Promise.all(names.map(listenAs))
  const answer = await (await request(`/all/${names.join('+')}`, 'POST')).json()
  const { ids, connections } = answer as { ids: string[]; connections: number }
  expect([ids.length, connections]).toEqual([2, 4])
  for (const reader of readers) {
    const { id, data } = await reader.next(({ event }) => event === 'note')
    expect([data, ids.includes(id ?? '')]).toEqual(['hello', true])
    await reader.close()
  }
  const headers = { 'X-User': 'cleo', 'Last-Event-ID': 'earliest' }
  const returned = readEvents(await fetch(`${url}/events`, { headers }))
  const { id } = await returned.next(({ event }) => event === 'note')
  expect(ids).toContain(id)
  await returned.close()
})

test('an event with an idempotency key is stored once on each object', async () => {
  const publish = async (body: string) => {
    const response = await fetch(`${url}/once`, { method: 'POST', body })
    return (await response.json()) as { ids?: string[] }
  }
  const [first, again] = [await publish('x'), await publish('x')]
  expect(first.ids).toHaveLength(2)
  expect(again).toEqual(first)
  expect(await publish('y')).toEqual({ code: 'idempotency-conflict' })
})

test('a stream is published event by event on all objects that it concerns', async () => {
  const names = ['ann', 'ben', 'cleo', 'dan']
  for (const who of ['ann', names.join('+'), 'everyone']) {
    const readers = await Promise.all((who === 'ann' ? ['ann'] : names).map(listenAs))
    const pipe = openPipe(`${url}/pipe/${who}`, { 'X-User': 'alice' })
    for (const data of ['one', 'two', 'three']) {
      pipe.write(`: ping\n\ndata: ${data}\n\n`)
      await Promise.all(readers.map((reader) => reader.next(hasData(data))))
    }
    pipe.end('data: unfinished')
    const last =
      who === 'ann' ? { id: expect.any(String) } : { ids: [expect.any(String), expect.any(String)] }
    expect(await pipe.result()).toEqual({ published: 3, ...last })
    await Promise.all(readers.map((reader) => reader.close()))
  }
})

test('many events of a stream keep their order on all objects', async () => {
  const names = ['ann', 'ben', 'cleo', 'dan']
  const readers = await Promise.all(names.map(listenAs))
  const data = Array.from({ length: 5_000 }, (_, n) => `${n}`)
  const pipe = openPipe(`${url}/pipe/${names.join('+')}`)
  pipe.end(data.map((one) => `data: ${one}\n\n`).join(''))
  expect(await pipe.result()).toMatchObject({ published: data.length })
  for (const reader of readers) {
    await reader.next(hasData('4999'))
    expect(publishedData(reader)).toEqual(data)
    await reader.close()
  }
})

test.each(['eve', 'ann+ben+cleo+eve'])(
  'a stop ends a stream that another Worker pipes to %s',
  async (who) => {
    const reader = await listenAs('eve')
    const pipe = openPipe(`${url}/pipe/${who}`)
    pipe.write('data: begun\n\n')
    await reader.next(hasData('begun'))
    expect(await (await request('/stop/eve', 'POST')).json()).toEqual({ stopped: 1 })
    expect(await pipe.result()).toMatchObject({ published: 1, stopped: true })
    const { data } = await reader.next(named('cut-off'))
    expect(JSON.parse(data)).toEqual({ reason: 'aborted', key: 'answer' })
    pipe.cut()
    expect(await (await request('/stop/eve', 'POST')).json()).toEqual({ stopped: 0 })
    await reader.close()
  },
)

test.each(['ann', 'everyone'])('an invalid event ends a stream to %s', async (who) => {
  const reader = await listenAs('ann')
  const pipe = openPipe(`${url}/pipe/${who}`)
  pipe.write(`data: ok\n\ndata: ${'x'.repeat(300_000)}\n\n`)
  expect(await pipe.result()).toMatchObject({ code: 'event-too-large' })
  await reader.next(named('cut-off'))
  pipe.cut()
  await reader.close()
})

test('a stream whose Worker the platform ends says so', async () => {
  const reader = await listenAs('zoe')
  const controller = new AbortController()
  const { signal } = controller
  const response = await fetch(`${url}/endless`, {
    method: 'POST',
    headers: { 'X-User': 'zoe' },
    signal,
  })
  await reader.next(hasData('3'))
  controller.abort()
  await expect(response.text()).rejects.toThrow()
  const { data } = await reader.next(named('cut-off'))
  expect(JSON.parse(data)).toEqual({ reason: 'broken' })
  await reader.close()
})

test('an error keeps its code on the way back', async () => {
  expect(await (await request('/bad', 'POST')).json()).toEqual({
    name: 'HubError',
    code: 'invalid-event',
    status: 400,
  })
})

test('an error of a schema keeps its issues on the way back', async () => {
  const { url } = await startOther('typed-object.ts')
  const publish = (event: object) =>
    fetch(url, { method: 'POST', body: JSON.stringify(event) }).then((answer) => answer.json())
  expect(await publish({ event: 'inbox', data: { unread: 'three' } })).toEqual({
    code: 'invalid-event',
    message: expect.stringMatching(/^data\.unread .*number.*\.$/),
    issues: [{ path: 'data.unread', message: expect.stringContaining('number') }],
  })
  expect(await publish({ event: 'other', data: 1 })).toMatchObject({ issues: [{ path: 'event' }] })
  expect(await publish({ event: 'inbox', data: { unread: 3 } })).toMatchObject({ connections: 0 })
})

test('an object that does not know a call is an error that names both reasons, and a stream retries', async () => {
  const { url } = await startOther('old-object.ts')
  for (const method of ['POST', 'PUT']) {
    expect(await (await fetch(url, { method })).json()).toEqual({
      name: 'HubError',
      code: 'journal-unavailable',
      message: expect.stringMatching(/older version.*another class/),
    })
  }
  expect(await (await fetch(url)).text()).toContain('"reason":"shutdown"')
})

test('a person who leaves is noticed, and one who is disconnected receives the reason', async () => {
  const [first, second] = [await listenAs('carol'), await listenAs('carol')]
  expect(await connections('carol')).toBe(2)
  await first.close()
  await eventually(async () => expect(await connections('carol')).toBe(1))
  expect(await (await request('/me', 'DELETE', 'carol')).json()).toEqual({ disconnected: 1 })
  expect(await second.next(({ event }) => event === 'hub:bye')).toMatchObject({
    data: expect.stringContaining('disconnected'),
  })
})
