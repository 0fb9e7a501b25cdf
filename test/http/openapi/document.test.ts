/** The OpenAPI document describes what every route really does. */
import { readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Hono } from 'hono'
import { requestId } from 'hono/request-id'
import { describe, expect, test } from 'vitest'
import { createApp } from '../../../src/http/app.ts'
import { NDJSON } from '../../../src/http/batch/respond-to-lines.ts'
import { operations } from '../../../src/http/openapi/operations.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { createAppHarness, problemIn } from '../../support/app-harness.ts'
import { createAuthHarness, KEY, SECRET } from '../../support/auth-harness.ts'
import { breachesOf, eventBreaches, itemsIn, linesIn } from '../../support/openapi-breaches.ts'
import { situations } from '../../support/openapi-requests.ts'
import {
  type Contents,
  checkAgainst,
  type Document,
  type Json,
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
const older = await read(createAuthHarness().app, '/openapi.json?version=3.1')
const named = await read(createAppHarness().app, '/openapi.json?version=3.2')
const check = checkAgainst(document)
const breaches = breachesOf(document)

const OPERATIONS = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]): [string, Operation] => {
    return [`${method.toUpperCase()} ${path}`, operation]
  }),
)

/** The contents of the response 200 to an operation. */
function contentsOf(one: Document, path: string, method: string): Contents {
  const answer = one.paths[path]?.[method]?.responses['200'] ?? {}
  return resolve<ResponseObject>(one, answer).content ?? {}
}

/** A document without what describes the items of sequences. */
function withoutSequences(one: object): unknown {
  return JSON.parse(JSON.stringify(one), (key, value) =>
    ['text/event-stream', NDJSON].includes(key) ? null : (value as unknown),
  )
}

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
    ['3.2', 'a hub with keys', document],
    ['3.2', 'a hub without keys', open],
    ['3.2', 'version 3.2', named],
    ['3.1', 'version 3.1', older],
  ])('is OpenAPI %s of %s', async (version, _, one) => {
    const validator = new Validator()
    expect(await validator.validate(structuredClone(one))).toEqual({ valid: true })
    expect(validator.version).toBe(version)
    validator.resolveRefs()
  })

  test.each(['version=3', 'version=3.2.0', 'version=', 'version=3.1&version=3.1'])(
    'is refused in an unknown version: %s',
    async (query) => {
      const response = await createAppHarness().request(`/openapi.json?${query}`)
      expect(response.status).toBe(400)
      expect(await problemIn(response)).toMatchObject({
        issues: [{ path: 'query.version', message: 'must be 3.1 or 3.2' }],
      })
    },
  )

  test('has only patterns that mean the same without Unicode properties, which Python lacks', () => {
    const text = JSON.stringify(document)
    const patterns = [...text.matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(
      ([, quoted = '""']) => JSON.parse(quoted) as string,
    )
    expect(patterns.length).toBeGreaterThan(3)
    expect(patterns.join()).not.toMatch(/\\p\{/i)
    const name = document.paths['/clients/{id}']?.get?.parameters?.[0]?.schema as Json
    const names = ['a', ' ', 'é', '🙂', '🙂'.repeat(128), '\u{e000}', '..a', 'hub:', '*a']
    const others = ['', '.', '..', '*', '\0', '\n', '\u007f', '\u009f', '\ud83d', 'a'.repeat(129)]
    for (const one of names) expect(check(name, one), one).toEqual([])
    for (const one of others) expect(check(name, one), one).not.toEqual([])
  })

  test('differs between the versions in nothing but sequences', () => {
    const stream = { itemSchema: { $ref: '#/components/schemas/StreamEvent' } }
    expect(contentsOf(document, '/sse', 'get')['text/event-stream']).toMatchObject(stream)
    const lines = { itemSchema: { $ref: '#/components/schemas/BatchResult' } }
    expect(contentsOf(document, '/publish', 'post')[NDJSON]).toMatchObject(lines)
    expect(withoutSequences({ ...older, openapi: document.openapi })).toEqual(
      withoutSequences(document),
    )
    const before = JSON.stringify(older)
    for (const type of ['text/event-stream', NDJSON]) {
      expect(before).toContain(`"${type}":{"schema":{"type":"string"}`)
    }
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
    expect(document.paths['/healthz']?.get?.security).toEqual([])
    expect(document.paths['/broadcast']?.post?.security).toEqual([{ key: [] }, { token: [] }])
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

describe('the id of a request', () => {
  test('is described where the app answers with it', () => {
    expect(document.components.headers).toHaveProperty('X-Request-Id')
    for (const [name, { parameters, responses }] of OPERATIONS) {
      expect(parameters, name).toContainEqual({ $ref: '#/components/parameters/RequestId' })
      for (const answer of Object.values(responses)) {
        const { headers } = resolve<ResponseObject>(document, answer)
        expect(headers, name).toHaveProperty('X-Request-Id')
      }
    }
  })

  test('is not described where it does not', async () => {
    expect(JSON.stringify(open)).not.toContain('Request-Id')
    // A host may use another header, or none.
    const app = createApp({ hub: createHub(), access: 'anyone' })
    const host = new Hono().use(requestId({ headerName: 'X-Trace' })).route('/', app)
    expect(JSON.stringify(await read(host))).not.toContain('Request-Id')
  })

  test('is described where the host of a mounted app answers with it', async () => {
    const app = createApp({ hub: createHub(), access: 'anyone' })
    const host = new Hono().use(requestId()).route('/live', app)
    expect(await read(host, '/live/openapi.json')).toHaveProperty('components.headers.X-Request-Id')
    expect(JSON.stringify(await read(app))).not.toContain('Request-Id')
  })
})

describe('an example fits its schema', () => {
  const places = OPERATIONS.flatMap(([name, { requestBody, responses }]) => {
    const answers = Object.entries(responses).map(([status, answer]) => {
      return [`${name} → ${status}`, resolve<ResponseObject>(document, answer).content] as const
    })
    return [[name, requestBody?.content] as const, ...answers]
  })
  const examples = places.flatMap(([name, contents = {}]) => {
    return Object.entries(contents).flatMap(([type, { schema, example }]) => {
      return schema ? [[`${name} ${type}`, schema, example] as const] : []
    })
  })

  test.each(examples)('of %s', (_, schema, example) => {
    expect(example).toBeDefined()
    expect(check(schema, example)).toEqual([])
  })

  const sequences = places.flatMap(([name, contents = {}]) => {
    const { itemSchema, examples } = contents[NDJSON] ?? {}
    const lines = linesIn(examples?.stream?.serializedValue ?? '')
    return itemSchema ? [[name, itemSchema, lines] as const] : []
  })

  test.each(sequences)('of each line of %s', (_, itemSchema, lines) => {
    expect(lines.length).toBeGreaterThan(1)
    for (const line of lines) expect(check(itemSchema, line)).toEqual([])
  })

  test('of every header', () => {
    for (const { schema, example } of Object.values(document.components.headers ?? {})) {
      if (example !== undefined) expect(check(schema as object as Document, example)).toEqual([])
    }
  })

  test('of the stream, which parses into the events that the document describes', () => {
    const { examples } = contentsOf(document, '/sse', 'get')['text/event-stream'] ?? {}
    const items = itemsIn(examples?.stream?.serializedValue ?? '')
    expect(items.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['hub:ready', 'hub:gap', undefined, 'hub:beat', 'hub:bye']),
    )
    for (const item of items) expect(eventBreaches(document, check, item)).toEqual([])
    expect(contentsOf(older, '/sse', 'get')['text/event-stream']?.example).toBe(
      examples?.stream?.serializedValue,
    )
  })
})

describe.each(OPERATIONS)('%s', (name, operation) => {
  const [method = '', pattern = ''] = name.split(' ')
  const path = pattern
    .replace('{id}', 'alice')
    .replace('{topic}', 'news')
    .replace(/stop$/, 'stop?key=answer')
  const template = { method, path, bodies: operation.requestBody?.content }

  test('returns exactly the responses that the document lists, over all situations', async () => {
    const seen = new Set<string>()
    for (const [situation, send] of Object.entries(situations)) {
      const response = await send(template)
      // Where there are no keys there are no tickets.
      if (response.status === 404 && !operationsOf(open).includes(name)) continue
      seen.add(String(response.status))
      const request = new Request(`http://localhost${path}`, { method })
      const { operationId } = operation
      expect(await breaches(request, response), situation).toEqual({ operationId, found: [] })
    }
    expect([...seen].sort()).toEqual(Object.keys(operation.responses).sort())
  })

  const bodies = Object.entries(operation.requestBody?.content ?? {})
  test.runIf(bodies.length > 0).each(bodies)(
    'accepts the example of %s',
    async (type, { example = '', examples }) => {
      const lines = examples?.stream?.serializedValue
      const body = type.startsWith('application/x-www')
        ? new URLSearchParams(example as Record<string, string>).toString()
        : type.startsWith('text/')
          ? String(example)
          : (lines ?? JSON.stringify(example))
      const headers = { 'Content-Type': type }
      const response = await createAuthHarness().request(path, KEY, { method, headers, body })
      expect(response.status).toBe(200)
      expect(await response.text()).not.toContain('"status"')
    },
  )
})
