/** Arbitrary requests: every route, with what fits, what nearly fits and what never should. */
import fc from 'fast-check'

/** A request before it is made, in a form that can be printed and sent again. */
export interface Draft {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Bytes as numbers. */
  readonly body?: readonly number[] | undefined
}

/** The credentials of a mode, valid and invalid. */
export interface Credentials {
  readonly bearers: readonly string[]
  readonly tickets: readonly string[]
  readonly cookies: readonly string[]
}

/** Requests that carry, now and then, one of the credentials. */
export function drafts(credentials: Credentials): fc.Arbitrary<Draft> {
  const whole = fc.record({
    method,
    path: fc.tuple(path, queryOf(credentials)).map(([start, end]) => start + end),
    headers: headersOf(credentials),
    body: fc.option(body, { nil: undefined }),
  })
  return fc.oneof({ arbitrary: whole, weight: 3 }, { arbitrary: fitting(credentials), weight: 1 })
}

/** The request of a draft; undefined if no client could send it. */
export function requestOf({ method, path, headers, body }: Draft): Request | undefined {
  try {
    const bodiless = method === 'GET' || method === 'HEAD'
    return new Request(`http://localhost${path}`, {
      method,
      headers,
      ...(!bodiless && body && { body: new Uint8Array(body) }),
    })
  } catch {
    return undefined
  }
}

const tricky = fc.constantFrom(
  ...['%', '/', '%2F', '%25', '+', '?', '#', '&', '=', '..', '.', '\\', ':', '*', ' ', '%20', ';'],
  ...['%00', '%0A', '%0d%0a', '%ff', '%ED%A0%80', '%F0%9F%99%82', '\u{1f642}', '__proto__', '{}'],
  ...['constructor', 'alice', 'news', 'hub:bye', 'earliest', '1', '-1', '60', '1e9', '[]', '"'],
)
const char = fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })
const text = fc.array(fc.oneof(tricky, char), { maxLength: 6 }).map((parts) => parts.join(''))
const value = fc.oneof(fc.constantFrom('alice', 'news', '1', '60', ''), text)
const method = fc.oneof(
  { arbitrary: fc.constantFrom('GET', 'POST'), weight: 6 },
  {
    arbitrary: fc.constantFrom('HEAD', 'OPTIONS', 'DELETE', 'PUT', 'PATCH', 'X', 'get'),
    weight: 3,
  },
)
const path = fc.oneof(
  { arbitrary: fc.constant('/sse'), weight: 4 },
  {
    arbitrary: fc.constantFrom(
      '/broadcast',
      '/publish',
      '/tickets',
      '/clients',
      '/healthz',
      '/readyz',
    ),
    weight: 4,
  },
  {
    arbitrary: fc.constantFrom('/topics', '/metrics', '/openapi.json', '/client.js', '/'),
    weight: 2,
  },
  {
    arbitrary: fc
      .tuple(fc.constantFrom('/ping/', '/clients/', '/topics/', '/sse/', '/metrics'), value)
      .map(([start, end]) => start + end),
    weight: 5,
  },
  { arbitrary: text.map((end) => `/${end}`), weight: 1 },
)
const latin1 = fc
  .array(fc.integer({ min: 0x20, max: 0xff }), { maxLength: 20 })
  .map((codes) => String.fromCharCode(...codes))
const json = fc.oneof(
  fc.json(),
  fc.jsonValue().map((data) => JSON.stringify({ data })),
  fc
    .record(
      {
        data: fc.jsonValue(),
        event: fc.oneof(text, fc.jsonValue()),
        ephemeral: fc.oneof(fc.boolean(), fc.jsonValue()),
        retain: fc.oneof(fc.boolean(), fc.jsonValue()),
        client: fc.oneof(text, fc.jsonValue()),
        topics: fc.oneof(fc.array(text), fc.jsonValue()),
        grantSeconds: fc.oneof(fc.double(), fc.integer(), fc.jsonValue()),
        __proto__: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    .map((fields) => JSON.stringify(fields)),
  fc.integer({ min: 1, max: 20_000 }).map((depth) => `{"data":${'['.repeat(depth)}`),
  fc.integer({ min: 1, max: 20_000 }).map((depth) => {
    return `{"data":${'['.repeat(depth)}${']'.repeat(depth)}}`
  }),
)
const body = fc.oneof(
  fc.uint8Array({ maxLength: 60 }).map((bytes) => [...bytes]),
  json.map(bytesOf),
  fc.tuple(text, text).map(([name, data]) => bytesOf(`data=${data}&${name}=${data}`)),
  fc.tuple(text, text).map(([name, data]) => bytesOf(`event: ${name}\ndata: ${data}\n\n`)),
)
const types = [
  'application/json',
  'application/x-ndjson',
  'text/event-stream',
  'text/plain',
  'application/x-www-form-urlencoded',
]
const type = fc.oneof(
  { arbitrary: fc.constantFrom(...types), weight: 6 },
  {
    arbitrary: fc.constantFrom('application/json; charset=utf-16', 'multipart/form-data'),
    weight: 1,
  },
  { arbitrary: latin1, weight: 1 },
)

function queryOf({ tickets }: Credentials): fc.Arbitrary<string> {
  const names = [
    ...['id', 'topic', 'lastEventId', 'limit', 'block', 'version'],
    ...['key', 'onAbort', 'token', '__proto__', 'x'],
  ]
  const plain = fc.tuple(fc.oneof(fc.constantFrom(...names), text), value)
  const ticket = fc.tuple(fc.constant('ticket'), fc.oneof(fc.constantFrom(...tickets), value))
  return fc
    .array(fc.oneof({ arbitrary: plain, weight: 3 }, { arbitrary: ticket, weight: 1 }), {
      maxLength: 4,
    })
    .map((all) => (all.length > 0 ? `?${all.map((pair) => pair.join('=')).join('&')}` : ''))
}

function headersOf({ bearers, cookies }: Credentials): fc.Arbitrary<Record<string, string>> {
  const bearer = fc.constantFrom(...bearers).map((credential) => `Bearer ${credential}`)
  return fc.record(
    {
      Authorization: fc.oneof({ arbitrary: bearer, weight: 3 }, { arbitrary: latin1, weight: 1 }),
      Cookie: fc.oneof(fc.constantFrom(...cookies), latin1),
      'Content-Type': type,
      'Content-Encoding': fc.oneof(fc.constantFrom('gzip', 'identity', 'br'), latin1),
      'Content-Length': fc.oneof(fc.nat().map(String), latin1),
      'Transfer-Encoding': latin1,
      'Last-Event-ID': fc.oneof(fc.constantFrom('earliest', 'x-1', ''), latin1),
      Origin: fc.oneof(fc.constantFrom('null', 'https://evil.example', 'http://localhost'), latin1),
      Host: fc.oneof(fc.constantFrom('localhost', 'evil.example', 'a b', '[::1]:1'), latin1),
      'X-Request-Id': fc.oneof(fc.constantFrom('order-42', 'a b'), latin1),
      'X-Forwarded-For': fc.oneof(fc.ipV4(), fc.ipV6(), latin1),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<Record<string, string>>
}

/** Mostly valid requests, so that many of them pass every check. */
function fitting({ bearers, tickets, cookies }: Credentials): fc.Arbitrary<Draft> {
  const routes: readonly (readonly [string, string])[] = [
    ['GET', '/sse'],
    ['GET', '/sse?id=alice&topic=news'],
    ['POST', '/broadcast'],
    ['POST', '/clients/alice'],
    ['POST', '/topics/news'],
    ['POST', '/ping/alice'],
    ['POST', '/publish'],
    ['POST', '/clients/alice/stop?key=answer'],
    ['GET', '/clients'],
    ['GET', '/clients/alice'],
    ['GET', '/topics/news?limit=1'],
    ['GET', '/topics/news/retained'],
    ['GET', '/topics'],
    ['GET', '/metrics'],
    ['GET', '/openapi.json?version=3.1'],
    ['POST', '/tickets'],
    ['DELETE', '/clients/bob?block=60'],
    ['GET', '/sse?id=bob'],
    ...tickets.map((ticket) => ['GET', `/sse?ticket=${ticket}`] as const),
  ]
  const large = fc.constant('x'.repeat(1_001))
  const data = fc.oneof({ arbitrary: fc.jsonValue(), weight: 3 }, { arbitrary: large, weight: 1 })
  const event = data.map((one) => ({ data: one }))
  const bodyOf = (path: string, value: object): unknown => {
    if (path === '/publish') return [{ to: 'everyone', ...value }, value]
    return path === '/tickets' ? { client: 'bob' } : value
  }
  return fc
    .tuple(
      fc.constantFrom(...routes),
      fc.constantFrom(...bearers),
      fc.constantFrom(...cookies),
      event,
    )
    .map(([[method, path], bearer, cookie, value]) => ({
      method,
      path,
      headers: {
        Authorization: `Bearer ${bearer}`,
        Cookie: cookie,
        'Content-Type': 'application/json',
      },
      body: bytesOf(JSON.stringify(bodyOf(path, value))),
    }))
}

function bytesOf(string: string): number[] {
  return [...new TextEncoder().encode(string)]
}
