/** A body that contradicts its headers, or is too large, is refused before anything is published. */
import { describe, expect, test } from 'vitest'
import {
  type AppHarness,
  createAppHarness,
  form,
  json,
  post,
  problemIn,
  streamed,
  text,
} from '../../support/app-harness.ts'

const JSON_TYPE = 'application/json'
const FORM_TYPE = 'application/x-www-form-urlencoded'

async function expectRefused(
  status: number,
  init: RequestInit,
  set = createAppHarness(),
): Promise<string> {
  const reader = await set.listen('/sse?id=alice&topic=x')
  const details = []
  for (const path of ['/clients/alice', '/topics/x', '/broadcast']) {
    const response = await set.request(path, body(init))
    expect(response.status).toBe(status)
    details.push((await problemIn(response)).detail)
  }
  expect(reader.events).toHaveLength(1)
  expect(set.errors).toEqual([])
  return details[0] ?? ''
}

/** A stream can be sent once: each request needs a copy. */
function body(init: RequestInit): RequestInit {
  if (!(init.body instanceof ReadableStream)) return init
  const [now, later] = init.body.tee()
  init.body = later
  return { ...init, body: now }
}

async function expectArrival(
  data: string,
  init: RequestInit,
  set: AppHarness = createAppHarness(),
): Promise<void> {
  const reader = await set.listen('/sse?id=alice')
  const response = await set.request('/clients/alice', init)
  expect(response.status).toBe(200)
  expect((await reader.next()).data).toBe(data)
}

describe('Content-Type', () => {
  test.each([
    undefined,
    '',
    'multipart/form-data; boundary=x',
    'application/xml',
    'text/html',
    'text/event-source',
    'application/problem+json',
    'application/json5',
    'json',
    'application/json, text/plain',
    '__proto__',
    'constructor',
  ])('%s is not supported', async (type) => {
    const detail = await expectRefused(415, post('{"data":1}', type))
    expect(detail).toContain('application/json')
  })

  test.each([
    `${JSON_TYPE}; charset=iso-8859-1`,
    `${JSON_TYPE};charset=utf-16`,
    'text/plain; format=flowed; charset=us-ascii',
    `${FORM_TYPE}; CHARSET=windows-1252`,
    'text/plain; charset=utf-80',
    'text/plain; charset="iso-8859-1"',
  ])('%s is not UTF-8, thus not supported', async (type) => {
    await expectRefused(415, post('data=1', type))
  })

  test.each([
    'text/plain',
    'TEXT/Plain',
    'text/plain;charset=UTF-8',
    'text/plain; charset=utf-8',
    'text/plain ; charset=utf8',
    'text/plain; charset="utf-8"',
    'text/plain; format=flowed; charset=utf-8; delsp=yes',
  ])('%s is accepted', async (type) => {
    await expectArrival('é', post('é', type))
  })

  test('a missing body without a type is not supported', async () => {
    await expectRefused(415, { method: 'POST' })
  })
})

describe('Content-Encoding', () => {
  test.each(['gzip', 'br', 'gzip, identity', 'x'])('%s is not supported', async (encoding) => {
    const headers = { 'Content-Type': 'text/plain', 'Content-Encoding': encoding }
    await expectRefused(415, { method: 'POST', body: 'hello', headers })
  })

  test('identity is accepted', async () => {
    const headers = { 'Content-Type': 'text/plain', 'Content-Encoding': 'Identity' }
    await expectArrival('hello', { method: 'POST', body: 'hello', headers })
  })
})

describe('a body that is not UTF-8', () => {
  const bytes: [string, number[]][] = [
    ['a byte that never occurs', [0x61, 0xff, 0x62]],
    ['a truncated sequence', [0x61, 0xe2, 0x82]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['an overlong spelling', [0xc0, 0x80]],
    ['UTF-16', [0xfe, 0xff, 0x00, 0x61]],
  ]
  test.each(bytes)('is refused: %s', async (_, wrong) => {
    for (const type of ['text/plain', FORM_TYPE]) {
      expect(await expectRefused(400, post(new Uint8Array(wrong), type))).toContain('UTF-8')
    }
    const quoted = new Uint8Array([...Buffer.from('{"data":"'), ...wrong, ...Buffer.from('"}')])
    expect(await expectRefused(400, post(quoted, JSON_TYPE))).toContain('UTF-8')
  })
})

describe('JSON', () => {
  test.each(['', '{', '{"data":}', "{'data':1}", '{"data":1}}', 'undefined', '{"data":NaN}', '\0'])(
    'that is malformed is refused: %j',
    async (wrong) => {
      expect(await expectRefused(400, post(wrong, JSON_TYPE))).toMatch(/JSON/)
    },
  )

  test.each(['[]', '[{"data":1}]', 'null', '1', '"data"', 'true'])(
    'that is not an object is refused: %s',
    async (wrong) => {
      await expectRefused(400, post(wrong, JSON_TYPE))
    },
  )

  test.each([
    '{}',
    '{"event":"x"}',
    '{"data":1,"id":"7"}',
    '{"data":1,"retry":1}',
    '{"data":1,"toString":1}',
    '{"data":1,"constructor":{}}',
    '{"data":1,"ephemeral":"true"}',
    '{"data":1,"ephemeral":null}',
    '{"__proto__":{"data":1}}',
  ])('with invalid fields is refused: %s', async (wrong) => {
    await expectRefused(400, post(wrong, JSON_TYPE))
  })

  test('with a __proto__ key changes no prototype', async () => {
    const { request, listen } = createAppHarness()
    const reader = await listen('/sse?id=alice')
    const forged = '{"data":"x","__proto__":{"event":"forged","ephemeral":true}}'
    await request('/clients/alice', post(forged, JSON_TYPE))
    await request('/clients/alice', text('next'))
    const arrived = reader.events.slice(1)
    for (const event of arrived) expect(event.event).toBeUndefined()
    for (const event of arrived) expect(event.id).toBeDefined()
  })

  test('may begin with a byte order mark', async () => {
    await expectArrival('x', post('\ufeff{"data":"x"}', JSON_TYPE))
  })
})

describe('a form', () => {
  test.each(['data=a+b%20c', 'data=a%20b+c', 'ephemeral=false&data=a+b+c'])(
    'is decoded as browsers and curl write it: %s',
    async (sent) => {
      await expectArrival('a b c', form(sent))
    },
  )

  test.each(['data=%', 'data=%zz', 'data=%E0%A4%A', 'data=%ED%A0%80', '%FF=1&data=1'])(
    'with bad percent-encoding is refused: %s',
    async (wrong) => {
      expect(await expectRefused(400, form(wrong))).toBe(
        'The form is not valid percent-encoded UTF-8: encode it.',
      )
    },
  )

  test.each([
    '',
    'hello',
    'event=x',
    'data=1&id=7',
    'data=1&event=x&event=y',
    'data=1&ephemeral=yes',
    'data=1&ephemeral=',
    'data=1&ephemeral=true&ephemeral=true',
    'data=1&__proto__=1',
    'data=1&constructor=1',
    'data=1&data[]=1',
    '__proto__[data]=1',
  ])('with invalid fields is refused: %j', async (wrong) => {
    await expectRefused(400, form(wrong))
  })

  test('with two data fields is refused, as it is unclear which one was meant', async () => {
    expect(await expectRefused(400, form('data=1&data=2'))).toBe(
      'json.data must be sent at most once.',
    )
    expect(await expectRefused(400, form('data=1&event=a&event=b'))).toBe(
      'json.event must be sent at most once.',
    )
  })

  test.each(['data', 'event', 'x'])('with 100,000 fields named %s is refused', async (name) => {
    await expectRefused(400, form(`data=1${`&${name}=1`.repeat(100_000)}`))
  })
})

test('a truncated body is a client error, not a server error', async () => {
  const set = createAppHarness()
  const broken = new ReadableStream({
    start: (controller) => controller.error(new Error('socket hang up')),
  })
  const response = await set.request('/clients/alice', streamed(broken, JSON_TYPE))
  expect(response.status).toBe(400)
  expect(set.errors).toEqual([])
})

test('a body in chunks is joined, even if a character is split', async () => {
  const bytes = new TextEncoder().encode('{"data":"é🙂"}')
  const pieces = new ReadableStream({
    start(controller) {
      for (const byte of bytes) controller.enqueue(new Uint8Array([byte]))
      controller.close()
    },
  })
  await expectArrival('é🙂', streamed(pieces, JSON_TYPE))
})

test('a refused field in JSON is reported with its path', async () => {
  const { request } = createAppHarness()
  const response = await request(
    '/broadcast',
    json({ data: 1, event: 'open', ephemeral: 1, a: 1, b: 2 }),
  )
  const { issues = [], detail } = await problemIn(response)
  const paths = ['json.a', 'json.b', 'json.ephemeral', 'json.event']
  expect(issues.map(({ path }) => path).sort()).toEqual(paths)
  for (const { path, message } of issues) expect(detail).toContain(`${path} ${message}`)
})
