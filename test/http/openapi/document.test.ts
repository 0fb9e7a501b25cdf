/** The OpenAPI document describes what every route really does. */
import { readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { createApp } from '../../../src/http/app.ts'
import { operations } from '../../../src/http/openapi/operations.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { createAppHarness } from '../../support/app-harness.ts'
import { createAuthHarness, KEY, SECRET } from '../../support/auth-harness.ts'
import { situations } from '../../support/openapi-requests.ts'
import {
  checkAgainst,
  type Document,
  type Operation,
  type ResponseObject,
  resolve,
} from '../../support/openapi-validator.ts'

async function read(app: Hono, path = '/openapi.json'): Promise<Document> {
  const response = await app.request(path)
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toBe('application/json')
  return (await response.json()) as Document
}

const document = await read(createAuthHarness().app)
const open = await read(createAppHarness().app)
const check = checkAgainst(document)

const OPERATIONS = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]): [string, Operation] => {
    return [`${method.toUpperCase()} ${path}`, operation]
  }),
)

/** The routes that an app really has, as the document writes them: `GET /clients/{id}`. */
function routesOf(app: Hono): string[] {
  const own = app.routes.filter(({ method }) => method !== 'ALL')
  return [...new Set(own.map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`))]
}

function operationsOf({ paths }: Document): string[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
}

describe('the document', () => {
  test.each([
    ['a hub with keys', document],
    ['a hub without keys', open],
  ])('of %s is OpenAPI 3.1', async (_, one) => {
    const validator = new Validator()
    expect(await validator.validate(structuredClone(one))).toEqual({ valid: true })
    expect(validator.version).toBe('3.1')
    validator.resolveRefs()
  })

  test.each([
    ['with keys', createAuthHarness().app, document],
    ['without', createAppHarness().app, open],
  ])('of a hub %s has all routes of its app, and no other', (_, app, one) => {
    expect(operationsOf(one).sort()).toEqual(routesOf(app).sort())
  })

  test('describes no route that does not exist', () => {
    const described = Object.keys(operations).map((key) => key.replace(/:(\w+)/g, '{$1}'))
    expect(described.sort()).toEqual(routesOf(createAuthHarness().app).sort())
  })

  test('gives each operation a unique name', () => {
    const names = OPERATIONS.map(([, { operationId }]) => operationId)
    expect(new Set(names).size).toBe(names.length)
  })

  test('requires credentials only where the hub does', () => {
    expect(open.components.securitySchemes).toBeUndefined()
    expect(JSON.stringify(open.paths)).not.toMatch(/"security"|Unauthorized/)
    expect(Object.keys(document.components.securitySchemes ?? {})).toEqual(
      expect.arrayContaining(['key', 'token', 'ticket', 'cookie']),
    )
  })

  test('is public, and contains no secret', async () => {
    const { request } = createAuthHarness()
    const response = await request('/openapi.json')
    expect(response.status).toBe(200)
    const said = await response.text()
    for (const secret of [KEY, SECRET]) expect(said).not.toContain(secret)
  })

  test('has the version of the package', () => {
    const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
    expect(document.info.version).toBe((JSON.parse(manifest) as { version: string }).version)
  })

  test.each(['', '/realtime', '/v1/events'])(
    'names the server URL when mounted at "%s"',
    async (prefix) => {
      const app = createApp({ hub: createHub(), access: 'anyone' })
      const host = new Hono().route(prefix || '/', app)
      const from = `http://localhost${prefix}/openapi.json`
      const { servers } = await read(host, from)
      const [server] = servers.map(({ url }) => new URL(url, from).href.replace(/\/$/, ''))
      expect(server).toBe(`http://localhost${prefix}`)
      expect((await host.request(`${server}/readyz`)).status).toBe(200)
    },
  )
})

describe('an example fits its schema', () => {
  const places = OPERATIONS.flatMap(([name, { requestBody, responses }]) => {
    const answers = Object.entries(responses).map(([status, answer]) => {
      return [`${name} → ${status}`, resolve<ResponseObject>(document, answer).content] as const
    })
    return [[name, requestBody?.content] as const, ...answers]
  })
  const examples = places.flatMap(([name, contents = {}]) => {
    return Object.entries(contents).map(([type, { schema, example }]) => {
      return [`${name} ${type}`, schema, example] as const
    })
  })

  test.each(examples)('of %s', (_, schema, example) => {
    expect(example).toBeDefined()
    expect(check(schema, example)).toEqual([])
  })

  test('of every header', () => {
    for (const { schema, example } of Object.values(document.components.headers ?? {})) {
      if (example !== undefined) expect(check(schema as object as Document, example)).toEqual([])
    }
  })

  test('of the stream, which parses as one', () => {
    const answer = document.paths['/sse']?.get?.responses['200'] ?? {}
    const { content } = resolve<ResponseObject>(document, answer)
    const events = eventsIn(String(content?.['text/event-stream']?.example))
    expect(events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['hub:ready', undefined, 'hub:beat', 'hub:bye']),
    )
    checkOwn(events)
  })
})

describe.each(OPERATIONS)('%s', (name, operation) => {
  const [method = '', pattern = ''] = name.split(' ')
  const path = pattern.replace('{id}', 'alice').replace('{topic}', 'news')
  const template = { method, path, bodies: operation.requestBody?.content }

  test('returns exactly the responses that the document lists, over all situations', async () => {
    const seen = new Set<string>()
    for (const [situation, send] of Object.entries(situations)) {
      const response = await send(template)
      // Where there are no keys there are no tickets.
      if (response.status === 404 && !operationsOf(open).includes(name)) continue
      seen.add(String(response.status))
      expect(await breaches(operation, response), situation).toEqual([])
    }
    expect([...seen].sort()).toEqual(Object.keys(operation.responses).sort())
  })

  const bodies = Object.entries(operation.requestBody?.content ?? {})
  test.runIf(bodies.length > 0).each(bodies)(
    'accepts the example of %s',
    async (type, { example }) => {
      const body = type.startsWith('application/x-www')
        ? new URLSearchParams(example as Record<string, string>).toString()
        : type === 'text/plain'
          ? String(example)
          : JSON.stringify(example)
      const headers = { 'Content-Type': type }
      const response = await createAuthHarness().request(path, KEY, { method, headers, body })
      expect(response.status).toBe(200)
    },
  )
})

/** What an answer contains that the document does not describe. */
async function breaches(operation: Operation, response: Response): Promise<unknown[]> {
  const { status, headers } = response
  const described = operation.responses[status]
  if (!described) return [`nothing is said of ${status}`]
  const answer = resolve<ResponseObject>(document, described)
  return [...headerBreaches(answer, headers), ...(await bodyBreaches(answer, response))]
}

const NAMED = Object.keys(document.components.headers ?? {})

function headerBreaches({ headers: described = {} }: ResponseObject, headers: Headers): unknown[] {
  return NAMED.flatMap((name) => {
    const value = headers.get(name)
    const header = described[name]
    if (!header) return value === null || name === 'Cache-Control' ? [] : [`${name} is not said`]
    const { required, schema } = resolve(document, header)
    if (value === null) return required ? [`${name} is missing`] : []
    return check(schema, schema.type === 'integer' ? Number(value) : value)
  })
}

async function bodyBreaches({ content }: ResponseObject, response: Response): Promise<unknown[]> {
  if (!content) return (await response.text()) === '' ? [] : ['a body is not said']
  const type = response.headers.get('Content-Type')?.split(';')[0] ?? ''
  const described = content[type]
  if (!described) return [`${type} is not said`]
  if (type === 'text/event-stream') return streamBreaches(response)
  const body = await response.text()
  return check(described.schema, type.endsWith('json') ? JSON.parse(body) : body)
}

/** Reads what has come of a stream, and leaves. */
async function streamBreaches(response: Response): Promise<unknown[]> {
  const reader = response.body?.getReader()
  const { value } = (await reader?.read()) ?? {}
  await reader?.cancel()
  const events = eventsIn(new TextDecoder().decode(value))
  checkOwn(events)
  return events.length > 0 ? [] : ['nothing came']
}

function eventsIn(stream: string): EventSourceMessage[] {
  const events: EventSourceMessage[] = []
  createParser({ onEvent: (event) => events.push(event) }).feed(stream)
  return events
}

/** The hub's own events have the data that the document describes. */
function checkOwn(events: readonly EventSourceMessage[]): void {
  const schemas: Record<string, string> = {
    'hub:ready': 'Ready',
    'hub:gap': 'Gap',
    'hub:bye': 'Bye',
  }
  for (const { event = '', data } of events) {
    const $ref = `#/components/schemas/${schemas[event]}`
    if (schemas[event]) expect(check({ $ref }, JSON.parse(data)), event).toEqual([])
  }
}
