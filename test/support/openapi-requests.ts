/** Every outcome a request can have, each produced by the real app, for any operation. */

import { createRouter, type Shard } from '../../src/adapters/cloudflare/router.ts'
import { HubError } from '../../src/core/errors.ts'
import type { Journal, JournalHandler } from '../../src/journal/journal.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'
import { createAppHarness, served } from './app-harness.ts'
import { type Guarded, guarded, KEY } from './auth-harness.ts'
import { manualClock } from './clock.ts'
import type { Contents } from './openapi-validator.ts'

/** A valid request, except for what the situation changes. */
export interface Asked {
  readonly method: string
  readonly path: string
  readonly bodies: Contents | undefined
}

type Ask = (asked: Asked) => Promise<Response> | Response

/** The situations by name. */
export const situations: Readonly<Record<string, Ask>> = {
  'the right credential comes': async (asked) => {
    const { ask, ticket } = limited()
    return await ask(await withTicket(asked.path, ticket), KEY, init(asked))
  },
  'somebody is connected': async (asked) => {
    const { ask, listen } = createAppHarness()
    await listen('/sse?id=alice&topic=news')
    return await ask(asked.path, init(asked))
  },
  'a client returns that missed too much': (asked) =>
    createAppHarness().ask(asked.path, init(asked, { 'Last-Event-ID': 'gone-1' })),
  'the hub is full': (asked) =>
    createAppHarness({ maxConnections: 0 }).ask(asked.path, init(asked)),
  'the client is blocked': async (asked) => {
    const { ask, hub } = createAppHarness()
    await hub.disconnect('alice', 60_000)
    return await ask(`${asked.path}?id=alice`, init(asked))
  },
  'a credential stands in the query': (asked) =>
    createAppHarness().ask(`${asked.path}?token=x`, init(asked)),
  'no credential comes': (asked) => limited().ask(asked.path, undefined, init(asked)),
  'the credential is for something else': async (asked) => {
    const { ask, token } = limited()
    const wrong = asked.path === '/sse' ? KEY : await token({ sub: 'alice', publish: ['topic:x'] })
    return await ask(asked.path, wrong, init(asked))
  },
  'a page of elsewhere asks': (asked) =>
    alone().ask(asked.path, KEY, init(asked, { Origin: 'https://elsewhere.example' })),
  'it asks by another name': (asked) =>
    alone().ask(`http://elsewhere.example${asked.path}`, KEY, init(asked)),
  'the body is no JSON': (asked) => limited().ask(asked.path, KEY, init(asked, JSON_TYPE, '{')),
  'the body is too large': (asked) =>
    limited().ask(asked.path, KEY, init(asked, JSON_TYPE, 'x'.repeat(2_000_000))),
  'the body is of another type': (asked) =>
    limited().ask(asked.path, KEY, init(asked, { 'Content-Type': 'text/xml' }, '<x/>')),
  'it comes too often': async (asked) => {
    const { ask, ticket } = limited(1)
    await (await ask(await withTicket(asked.path, ticket), KEY, init(asked))).body?.cancel()
    return await ask(await withTicket(asked.path, ticket), KEY, init(asked))
  },
  'something breaks': (asked) => {
    const broken = () => Promise.reject(new Error('It broke.'))
    return createAppHarness({}, { middleware: [broken] }).ask(asked.path, init(asked))
  },
  'the journal breaks': (asked) => sharing(asked, failing(new Error('It broke.'))),
  'the journal is away': (asked) =>
    sharing(asked, failing(new HubError('journal-unavailable', 'Away.'))),
  'several instances share the journal': (asked) => sharing(asked, shared()),
  'the hub is closed': async (asked) => {
    const { ask, hub } = createAppHarness()
    await hub.close()
    return await ask(asked.path, init(asked))
  },
  'nobody has set it up': (asked) =>
    guarded({ accessMode: 'refused' }).ask(asked.path, KEY, init(asked)),
  'clients are spread over objects': async (asked) => {
    const harnesses = [createAppHarness(), createAppHarness()]
    const hub = shards((index) => ({
      fetch: async (request) => (harnesses[index] ?? createAppHarness()).app.fetch(request),
    }))
    const streams = ['alice', 'bob', 'carol', 'dave'].map((id) => `/sse?id=${id}&topic=news`)
    for (const path of streams) served(await hub.fetch(new Request(`http://localhost${path}`)))
    const request = new Request(`http://localhost${asked.path}`, init(asked))
    const response = served(await hub.fetch(request))
    for (const { clock } of harnesses) await clock.settle()
    return response
  },
  'its object is away': (asked) => {
    const away = () => Promise.reject(Object.assign(new Error('It moves.'), { retryable: true }))
    const hub = shards(() => ({ fetch: away }))
    return hub.fetch(new Request(`http://localhost${asked.path}`, init(asked)))
  },
}

const JSON_TYPE = { 'Content-Type': 'application/json' }

/** A hub with keys that counts its requests. */
function limited(perMinute = 9): Guarded {
  const config = { PUBLISHES_PER_MINUTE: perMinute, STREAMS_PER_MINUTE: perMinute }
  return guarded({ config })
}

/** A hub without keys, on loopback. */
function alone(): Guarded {
  return guarded({ accessMode: 'loopback' })
}

async function withTicket(path: string, ticket: Guarded['ticket']): Promise<string> {
  return path === '/sse' ? `/sse?ticket=${await ticket({ client: 'alice' })}` : path
}

/** A hub that counts its requests, with another journal. */
async function sharing(asked: Asked, journal: Partial<Journal>): Promise<Response> {
  const clock = manualClock()
  const { app } = guarded({
    accessMode: 'anonymous',
    config: { STREAMS_PER_MINUTE: 9, PUBLISHES_PER_MINUTE: 9 },
    journal: { ...createMemoryJournal({ clock }), ...journal },
    clock,
  })
  const stream = served(await app.request('/sse?id=alice&topic=news'))
  const response = served(await app.request(asked.path, init(asked)))
  await clock.settle()
  await stream.body?.cancel()
  return response
}

/** A journal whose every call fails. */
function failing(error: Error): Partial<Journal> {
  const fail = () => Promise.reject(error)
  return { append: fail, backplane: { request: fail, useOnce: fail } }
}

/** A shared journal with no other hub on it. */
function shared(): Partial<Journal> {
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
      request: async (request, keepMs) => [await hub?.respond(request, keepMs)],
      useOnce: async () => true,
    },
  }
}

function shards(shard: (index: number) => Shard): Shard {
  return createRouter({ count: 2, retryMs: 2_000, maxBodyBytes: 3_000_000, shard })
}

/** The request with the example of its first body, unless there is another. */
function init({ method, bodies }: Asked, headers: Record<string, string> = {}, body?: string) {
  const [[type, { example }] = ['', { example: undefined }]] = Object.entries(bodies ?? {})
  if (method === 'GET' || method === 'DELETE' || !bodies) return { method, headers }
  return {
    method,
    headers: { 'Content-Type': type, ...headers },
    body: body ?? JSON.stringify(example),
  }
}
