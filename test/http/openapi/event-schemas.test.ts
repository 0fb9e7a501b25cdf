/** Declared events over HTTP: refusals, the OpenAPI document, and the typed client. */
import { type SpecData, Validator } from '@seriousme/openapi-schema-validator'
import { hc } from 'hono/client'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { type AppType, createApp, createHub, type EventSchema } from '../../../src/index.ts'
import { createAppHarness } from '../../support/app-harness.ts'
import { eventBreaches, itemsIn, type StreamItem } from '../../support/openapi-breaches.ts'
import { checkAgainst, type Document, type Json } from '../../support/openapi-validator.ts'

const Tree = z.object({
  name: z.string(),
  get children() {
    return z.array(Tree)
  },
})
const Person = z.object({ name: z.string() }).meta({ id: 'Person' })
const Robot = z.object({ model: z.number() }).meta({ id: 'Robot' })
const withoutJsonSchema: EventSchema<string, string> = {
  '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value: String(value) }) },
}
/** Of a library that writes what is no JSON. */
const withBigInt: EventSchema<string, string> = {
  '~standard': {
    ...withoutJsonSchema['~standard'],
    jsonSchema: { input: () => ({ default: 1n }), output: () => ({ default: 1n }) },
  },
}
const events = {
  inbox: z.object({ unread: z.number() }),
  tree: Tree,
  // JSON Schema has no dates: zod refuses to describe one.
  due: z.date(),
  message: withoutJsonSchema,
}

function post(body: unknown): RequestInit {
  const headers = { 'Content-Type': 'application/json' }
  return { method: 'POST', headers, body: JSON.stringify(body) }
}

describe('an event that the hub declares', () => {
  test('is published over HTTP', async () => {
    const set = createAppHarness({ events })
    const reader = await set.listen('/sse?id=alice')
    const response = await set.request(
      '/clients/alice',
      post({ event: 'inbox', data: { unread: 1 } }),
    )
    expect(response.status).toBe(200)
    expect(await reader.next()).toMatchObject({ event: 'inbox', data: '{"unread":1}' })
  })

  test.each([
    [{ event: 'inbox', data: { unread: 'many' } }, 'json.data.unread'],
    [
      { event: 'tree', data: { name: 'a', children: [{ name: 'b' }] } },
      'json.data.children.0.children',
    ],
    [{ event: 'outbox', data: 1 }, 'json.event'],
  ])('is refused with its path when it does not match: %j', async (body, path) => {
    const set = createAppHarness({ events })
    const response = await set.request('/broadcast', post(body))
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({
      status: 400,
      detail: expect.stringContaining(path),
      issues: [{ path, message: expect.any(String) }],
    })
    expect(set.errors).toEqual([])
  })
})

test('the document has the declared events, and is valid', async () => {
  const set = createAppHarness({ events })
  const document = (await (await set.request('/openapi.json')).json()) as DeclaringDocument
  const { anyOf } = document.components.schemas.Event
  const names = anyOf.map(({ properties }) => properties.event.const)
  expect(names).toEqual(['inbox', 'tree', 'due', 'message', undefined])
  expect(anyOf[0]).toEqual({
    type: 'object',
    properties: {
      data: expect.objectContaining({ properties: { unread: { type: 'number' } } }),
      event: { type: 'string', const: 'inbox' },
      ephemeral: { type: 'boolean' },
      idempotencyKey: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
      key: { type: 'string', pattern: expect.stringMatching('1,128') },
      replace: { type: 'boolean' },
      retain: { type: 'boolean' },
    },
    required: ['data', 'event'],
    additionalProperties: false,
  })
  // Few tools resolve references that are relative to a part of the document.
  const tree = '#/components/schemas/Event/anyOf/1/properties/data'
  expect(anyOf[1]?.properties.data).toMatchObject({
    properties: { children: { items: { $ref: tree } } },
  })
  expect(anyOf[2]?.properties.data).toEqual({})
  expect(anyOf[3]).toMatchObject({ properties: { data: {} }, required: ['data'] })
  expect(anyOf[4]).toMatchObject({
    properties: {
      data: { const: '' },
      event: { enum: names.slice(0, 4) },
      retain: { const: true },
    },
    required: ['data', 'retain'],
  })
  expect(await new Validator().validate({ ...document } as SpecData)).toMatchObject({ valid: true })
})

describe('an event of a stream', () => {
  const sent = {
    ...events,
    text: z.string().min(2),
    either: z.union([z.object({ a: z.number() }), z.string()]),
    one: z.discriminatedUnion('kind', [
      z.object({ kind: z.literal('a') }),
      z.object({ kind: z.literal('b'), b: z.number() }),
    ]),
    person: Person,
    both: z.union([Person, Robot]),
    big: withBigInt,
    filled: z.object({ mark: z.string().default('none') }),
  }

  async function documentOf(set: ReturnType<typeof createAppHarness>): Promise<Document> {
    return (await (await set.request('/openapi.json')).json()) as Document
  }

  function variantsIn(document: Document): Record<string, Json> {
    const { oneOf } = document.components.schemas?.StreamEvent ?? {}
    return Object.fromEntries(
      (oneOf as Variant[]).map(({ properties: { event, data } }) => [event.const, data as Json]),
    )
  }

  test('is described with the text that it is sent as', async () => {
    const document = await documentOf(createAppHarness({ events: sent }))
    const variants = variantsIn(document)
    expect(Object.keys(variants).slice(0, 4)).toEqual([
      'hub:ready',
      'hub:gap',
      'hub:beat',
      'hub:bye',
    ])
    expect(Object.keys(variants).slice(4)).toEqual([...Object.keys(sent), 'time'])
    const json = { type: 'string', contentMediaType: 'application/json' }
    const tree = '#/components/schemas/StreamEvent/oneOf/5/properties/data/contentSchema'
    expect(variants).toMatchObject({
      'hub:gap': { ...json, contentSchema: { $ref: '#/components/schemas/Gap' } },
      inbox: { ...json, contentSchema: { properties: { unread: { type: 'number' } } } },
      tree: { ...json, contentSchema: { properties: { children: { items: { $ref: tree } } } } },
      one: json,
      person: json,
      both: json,
      // What is sent has the default.
      filled: { contentSchema: { required: ['mark'] } },
      text: { type: 'string', minLength: 2 },
    })
    // Either JSON or a string, which may look like anything; or unknown.
    for (const name of ['either', 'due', 'big', 'message'])
      expect(variants[name]).toEqual({ type: 'string' })
    expect(await new Validator().validate({ ...document })).toMatchObject({ valid: true })
  })

  test('matches its description, in a hub that declares events and in one that does not', async () => {
    for (const hub of [{ events: sent }, {}]) {
      const set = createAppHarness({ ...hub, clockMs: 1_000 })
      const document = await documentOf(set)
      const check = checkAgainst(document)
      const reader = await set.listen('/sse?id=alice', { headers: { 'Last-Event-ID': 'gone-1' } })
      const published = [
        { event: 'inbox', data: { unread: 1 } },
        { event: 'tree', data: { name: 'a', children: [{ name: 'b', children: [] }] } },
        { event: 'text', data: '{"not":' },
        { event: 'either', data: 'a\nb' },
        { event: 'either', data: { a: 1 }, ephemeral: true },
        { event: 'one', data: { kind: 'b', b: 1 } },
        { event: 'person', data: { name: 'Ada' } },
        { event: 'both', data: { model: 7 } },
        { event: 'filled', data: {} },
        { data: 'plain' },
      ]
      for (const event of published) {
        expect((await set.request('/broadcast', post(event))).status).toBe(200)
      }
      await set.clock.advance(15_000)
      await set.hub.close()
      await reader.end()
      const names = reader.events.map(({ event }) => event)
      expect(names).toEqual(expect.arrayContaining(['hub:gap', 'hub:beat', 'time', 'hub:bye']))
      for (const { event, data, id } of reader.events) {
        const item: StreamItem = { data, ...(event && { event }), ...(id && { id }) }
        expect(eventBreaches(document, check, item), event).toEqual([])
      }
    }
  })

  test.each([
    'data: x\nevent: outbox\n\n',
    'data: x\nevent: hub:other\n\n',
    'data: x\nevent: inbox\nid: a\n\n',
    'data: {"unread":"many"}\nevent: inbox\n\n',
    'data: {"reason":"boredom"}\nevent: hub:bye\n\n',
    'data: a\nevent: text\n\n',
  ])('does not match if it is another: %j', async (text) => {
    const document = await documentOf(createAppHarness({ events: sent }))
    const [item = { data: '' }] = itemsIn(text)
    expect(eventBreaches(document, checkAgainst(document), item)).not.toEqual([])
  })
})

test('the typed client knows the declared events', () => {
  const app = createApp({ hub: createHub({ events }), access: 'anyone' })
  expectTypeOf(app).toExtend<AppType<{ inbox: { unread: number } }>>()
  const { broadcast } = hc<typeof app>('http://localhost')
  const check = () => {
    void broadcast.$post({ json: { event: 'inbox', data: { unread: 1 } } })
    // @ts-expect-error: the data is of another type
    void broadcast.$post({ json: { event: 'inbox', data: { unread: 'many' } } })
    // @ts-expect-error: there is no such event
    void broadcast.$post({ json: { event: 'outbox', data: 1 } })
  }
  expect(check).toBeTypeOf('function')
})

interface DeclaringDocument {
  readonly components: { readonly schemas: { readonly Event: { readonly anyOf: Variant[] } } }
}

interface Variant {
  readonly properties: { readonly event: { readonly const: string }; readonly data: object }
}
