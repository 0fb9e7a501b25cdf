/** The situations that a request to the real app can meet, by name, for any operation. */

import { createRouter, type Shard } from '../../src/adapters/cloudflare/router.ts'
import { HubError } from '../../src/core/errors.ts'
import { NDJSON } from '../../src/http/batch/respond-to-lines.ts'
import { EVENT_STREAM } from '../../src/http/piping/answer-stream.ts'
import type { Journal, JournalHandler } from '../../src/journal/journal.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'
import { afterHold, createAppHarness, released, served, streamed } from './app-harness.ts'
import { type AuthHarness, createAuthHarness, KEY } from './auth-harness.ts'
import { openBatch } from './batch.ts'
import { type ManualClock, manualClock } from './clock.ts'
import type { Contents } from './openapi-validator.ts'

/** A valid request to one operation, which a situation may change. */
export interface RequestTemplate {
  readonly method: string
  readonly path: string
  readonly bodies: Contents | undefined
}

type Situation = (template: RequestTemplate) => Promise<Response> | Response

/** The situations by name. */
export const situations: Readonly<Record<string, Situation>> = {
  'the credential is valid': async (template) => {
    const { request, ticket } = withLimits()
    return await request(await withTicket(template.path, ticket), KEY, init(template))
  },
  'a client is connected': async (template) => {
    const { request, listen } = createAppHarness()
    await listen('/sse?id=alice&topic=news')
    return await request(template.path, init(template))
  },
  'the cursor is from another epoch': (template) =>
    createAppHarness().request(template.path, init(template, { 'Last-Event-ID': 'gone-1' })),
  'the hub is full': async (template) => {
    const { request, clock } = createAppHarness({ maxConnections: 0 })
    return await readAfterHold(await request(template.path, init(template)), clock)
  },
  'the client is blocked': async (template) => {
    const { request, hub, clock } = createAppHarness()
    await hub.disconnect('alice', 60_000)
    return await afterHold(request(withQuery(template.path, 'id=alice'), init(template)), clock)
  },
  'the query contains a credential': (template) =>
    createAppHarness().request(withQuery(template.path, 'token=x'), init(template)),
  'the credential is missing': (template) =>
    withLimits().request(template.path, undefined, init(template)),
  'the credential lacks the permission': async (template) => {
    const { request, token } = withLimits()
    const wrong =
      template.path === '/sse' ? KEY : await token({ sub: 'alice', publish: ['topic:x'] })
    return await request(template.path, wrong, init(template))
  },
  'too many invalid keys came from the address': async (template) => {
    const { request } = createAuthHarness({ config: { ATTEMPTS_PER_MINUTE: 1 } })
    await request(template.path, 'a-guess-0123456789', init(template))
    return await request(template.path, KEY, init(template))
  },
  'the origin is not allowed': (template) =>
    onLoopback().request(
      template.path,
      KEY,
      init(template, { Origin: 'https://elsewhere.example' }),
    ),
  'the host is not allowed': (template) =>
    onLoopback().request(`http://elsewhere.example${template.path}`, KEY, init(template)),
  'the body is invalid JSON': (template) =>
    withLimits().request(template.path, KEY, init(template, JSON_TYPE, '{')),
  'the body is too large': (template) =>
    withLimits().request(template.path, KEY, init(template, JSON_TYPE, 'x'.repeat(5_000_000))),
  'nothing of the body arrives': async (template) => {
    const { app, clock } = createAppHarness()
    const isStream = Object.hasOwn(template.bodies ?? {}, EVENT_STREAM)
    const silent = streamed(new ReadableStream(), EVENT_STREAM)
    const response = app.request(template.path, isStream ? silent : init(template))
    await clock.advance(61_000)
    return served(await response)
  },
  'the body has another type': (template) =>
    withLimits().request(
      template.path,
      KEY,
      init(template, { 'Content-Type': 'text/xml' }, '<x/>'),
    ),
  'the rate limit is exceeded': async (template) => {
    const { request, ticket, clock } = withLimits(1)
    await (
      await request(await withTicket(template.path, ticket), KEY, init(template))
    ).body?.cancel()
    const response = await request(await withTicket(template.path, ticket), KEY, init(template))
    return await readAfterHold(response, clock)
  },
  'middleware fails': (template) => {
    const broken = () => Promise.reject(new Error('It broke.'))
    return createAppHarness({}, { middleware: [broken] }).request(template.path, init(template))
  },
  'the journal fails': (template) => withJournal(template, failingJournal(new Error('It broke.'))),
  'the journal is unreachable': (template) =>
    withJournal(template, failingJournal(new HubError('journal-unavailable', 'Away.'))),
  'several instances share the journal': (template) => withJournal(template, sharedJournal()),
  'one of several instances does not answer': (template) => withJournal(template, sharedJournal(2)),
  'the hub is closed': async (template) => {
    const { request, hub } = createAppHarness()
    await hub.close()
    return await request(template.path, init(template))
  },
  'the hub has no key and is not local': (template) =>
    createAuthHarness({ accessMode: 'refused' }).request(template.path, KEY, init(template)),
  'several shards share the clients': async (template) => {
    const harnesses = [createAppHarness(), createAppHarness()]
    const hub = routerOf((index) => ({
      fetch: async (request) => (harnesses[index] ?? createAppHarness()).app.fetch(request),
    }))
    const streams = ['alice', 'bob', 'carol', 'dave'].map((id) => `/sse?id=${id}&topic=news`)
    for (const path of streams) served(await hub.fetch(new Request(`http://localhost${path}`)))
    const request = new Request(`http://localhost${template.path}`, init(template))
    const response = served(await hub.fetch(request))
    for (const { clock } of harnesses) await clock.runPending()
    return response
  },
  'no line arrives in time': async (template) => {
    const { app, clock } = createAppHarness()
    if (!Object.hasOwn(template.bodies ?? {}, NDJSON)) {
      return served(await app.request(template.path, init(template)))
    }
    const { response } = openBatch(app.request, template.path, clock)
    await clock.runPending()
    await clock.advance(61_000)
    return await response
  },
  'lines are sent to several shards': async (template) => {
    const { app } = createAppHarness()
    const hub = routerOf(() => ({ fetch: async (request) => app.fetch(request) }))
    const { method, path, bodies } = template
    const lines = Object.hasOwn(bodies ?? {}, NDJSON)
    const from = lines ? init(template, { 'Content-Type': NDJSON }, '{"data":1}') : { method }
    return served(await hub.fetch(new Request(`http://localhost${path}`, from)))
  },
  'the idempotency key was used for another event': async (template) => {
    const { app } = createAuthHarness({
      accessMode: 'anonymous',
      config: { STREAMS_PER_MINUTE: 9, PUBLISHES_PER_MINUTE: 9 },
    })
    const key = { 'Idempotency-Key': 'order-1' }
    const other = { method: 'POST', headers: { ...JSON_TYPE, ...key }, body: '{"data":"other"}' }
    await app.request('/clients/another', other)
    return served(await app.request(template.path, init(template, key)))
  },
  'idempotency keys are turned off': async (template) => {
    const { app } = createAuthHarness({
      accessMode: 'anonymous',
      config: { PUBLISHES_PER_MINUTE: 9, IDEMPOTENCY_SECONDS: 0 },
    })
    const key = { 'Idempotency-Key': 'order-1' }
    return served(await app.request(template.path, init(template, key)))
  },
  'the shard is unavailable': (template) => {
    const away = () => Promise.reject(Object.assign(new Error('It moves.'), { retryable: true }))
    const hub = routerOf(() => ({ fetch: away }))
    return hub.fetch(new Request(`http://localhost${template.path}`, init(template)))
  },
}

function withQuery(path: string, query: string): string {
  return `${path}${path.includes('?') ? '&' : '?'}${query}`
}

/** A stream that the hub refuses is held for a second. */
async function readAfterHold(response: Response, clock: ManualClock): Promise<Response> {
  const isStream = response.headers.get('Content-Type')?.startsWith('text/event-stream')
  return isStream ? await released(response, clock) : response
}

const JSON_TYPE = { 'Content-Type': 'application/json' }

/** A hub with keys that counts its requests. */
function withLimits(perMinute = 9): AuthHarness {
  const config = { PUBLISHES_PER_MINUTE: perMinute, STREAMS_PER_MINUTE: perMinute }
  return createAuthHarness({ config })
}

/** A hub without keys, on loopback. */
function onLoopback(): AuthHarness {
  return createAuthHarness({ accessMode: 'loopback' })
}

async function withTicket(path: string, ticket: AuthHarness['ticket']): Promise<string> {
  return path === '/sse' ? `/sse?ticket=${await ticket({ client: 'alice' })}` : path
}

/** Sends the request to a hub with rate limits and a journal of the situation's. */
async function withJournal(
  template: RequestTemplate,
  journal: Partial<Journal>,
): Promise<Response> {
  const clock = manualClock()
  const { app } = createAuthHarness({
    accessMode: 'anonymous',
    config: { STREAMS_PER_MINUTE: 9, PUBLISHES_PER_MINUTE: 9 },
    journal: { ...createMemoryJournal({ clock }), ...journal },
    clock,
  })
  const stream = served(await app.request('/sse?id=alice&topic=news'))
  const response = served(await app.request(template.path, init(template)))
  await clock.runPending()
  await stream.body?.cancel()
  return response
}

/** A journal whose every call fails. */
function failingJournal(error: Error): Partial<Journal> {
  const fail = () => Promise.reject(error)
  return { append: fail, backplane: { request: fail, useOnce: fail } }
}

/** A journal that `instances` hubs share, of which only this one answers. */
function sharedJournal(instances = 1): Partial<Journal> {
  let hub: JournalHandler | undefined
  const journal = createMemoryJournal()
  return {
    ...journal,
    open: (handler) => {
      hub = handler
      journal.open(handler)
    },
    append: async (key, event) => ({ ...(await journal.append(key, event)), instances: 1 }),
    backplane: {
      instance: 'one',
      request: async (request, keepMs) => ({
        responses: [await hub?.respond(request, keepMs)],
        asked: instances,
      }),
      useOnce: async () => true,
    },
  }
}

function routerOf(shard: (index: number) => Shard): Shard {
  return createRouter({
    count: 2,
    retryMs: 2_000,
    maxEventBytes: 262_144,
    maxBatchEvents: 10_000,
    shard,
  })
}

/** The request with the example of its first body, unless there is another. */
function init(
  { method, bodies }: RequestTemplate,
  headers: Record<string, string> = {},
  body?: string,
) {
  const [[type, { example }] = ['', { example: undefined }]] = Object.entries(bodies ?? {})
  if (method === 'GET' || method === 'DELETE' || !bodies) return { method, headers }
  return {
    method,
    headers: { 'Content-Type': type, ...headers },
    body: body ?? JSON.stringify(example),
  }
}
