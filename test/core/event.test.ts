/** Events: what may be sent, and how it is encoded. */
import { describe, expect, test } from 'vitest'
import { encodeFrame, type FrameFields, prepareEvent } from '../../src/core/event.ts'
import { parseFrames } from '../support/parse-frames.ts'

const ROOMY = 1_000

const parse = (fields: FrameFields) => parseFrames(encodeFrame(fields))

function arrives(data: string): string | undefined {
  const [only, ...more] = parse({ data }).events
  expect(more).toEqual([])
  return only?.data
}

describe('a frame', () => {
  test.each([
    ['carriage returns', 'a\rb\r\rc', 'a\nb\n\nc'],
    ['line feeds', 'a\nb\n\nc', 'a\nb\n\nc'],
    ['CRLF', 'a\r\nb\r\n\r\nc', 'a\nb\n\nc'],
    ['a mixture', 'a\n\rb\r\n\rc', 'a\n\nb\n\nc'],
    ['line breaks at both ends', '\n\ra\r\n', '\n\na\n'],
    ['nothing but line breaks', '\n\n', '\n\n'],
    ['NUL', 'a\0b', 'a\0b'],
    ['line and paragraph separators', 'a\u2028b\u2029c\u0085d', 'a\u2028b\u2029c\u0085d'],
    ['empty text', '', ''],
    ['leading spaces', '  a\n b', '  a\n b'],
    ['a leading colon', ':a\n: b', ':a\n: b'],
    [
      'lines that look like fields',
      'x\nid: 1\nevent: e\n\ndata: y',
      'x\nid: 1\nevent: e\n\ndata: y',
    ],
    ['a byte order mark', '\ufeffa', '\ufeffa'],
    ['a pair of surrogates', '🙂', '🙂'],
  ])('carries %s', (_, data, expected) => {
    expect(arrives(data)).toBe(expected)
  })

  test('carries its name, its id and the retry delay', () => {
    const { events, retries } = parse({ retry: 1999.6, id: 'e-1', event: 'news', data: 'x' })
    expect(events).toEqual([{ id: 'e-1', event: 'news', data: 'x' }])
    expect(retries).toEqual([2_000])
  })

  test('has no other fields', () => {
    expect(new TextDecoder().decode(encodeFrame({ data: 'x' }))).toBe('data: x\n\n')
  })

  test('names its topic in a comment', () => {
    const text = new TextDecoder().decode(encodeFrame({ topic: 'news', data: 'x' }))
    expect(text).toBe(': topic news\ndata: x\n\n')
  })

  test.each(['\r', '\n', '\r\n', '\0'])(
    'is refused when its id, topic or name contains %j',
    (bad) => {
      for (const field of [`a${bad}b`, `${bad}a`, `a${bad}`]) {
        const refusal = expect.objectContaining({ name: 'HubError', code: 'invalid-event' })
        expect(() => encodeFrame({ id: field, data: 'x' })).toThrow(refusal)
        expect(() => encodeFrame({ topic: field, data: 'x' })).toThrow(refusal)
        expect(() => encodeFrame({ event: field, data: 'x' })).toThrow(refusal)
      }
    },
  )
})

describe('a name', () => {
  test.each([
    ['that the hub uses', 'hub:ready'],
    ['with the hub’s prefix', 'hub:'],
    ['that EventSource uses for errors', 'error'],
    ['that EventSource uses for openings', 'open'],
    ['that is empty', ''],
    ['with a carriage return', 'a\rdata: forged'],
    ['with a line feed', 'a\ndata: forged'],
    ['with NUL', 'a\0'],
    ['with another control character', 'a\u0085'],
    ['that is too long', 'x'.repeat(129)],
    ['with a lone high surrogate', 'a\ud83d'],
    ['with a lone low surrogate', '\ude42a'],
  ])('%s is refused', (_, event) => {
    expect(() => prepareEvent({ event, data: '' }, ROOMY)).toThrow(
      expect.objectContaining({ name: 'HubError', code: 'invalid-event' }),
    )
  })

  test.each([
    'x'.repeat(128),
    '🙂'.repeat(128),
    'hub',
    'hubs:a',
    ' hub:a',
    'errors',
    'a b',
    'toString',
  ])('%s is accepted', (event) => {
    const prepared = prepareEvent({ event, data: 'x' }, ROOMY)
    expect(parse(prepared).events).toEqual([{ id: undefined, event, data: 'x' }])
  })
})

test('a name that is not text is refused, whatever its declared type', () => {
  expect(() => prepareEvent({ event: 7 as unknown as string, data: '' }, ROOMY)).toThrow(
    expect.objectContaining({ code: 'invalid-event' }),
  )
})

describe('data', () => {
  test.each([
    ['an object', { a: [1, 'ä', null] }, '{"a":[1,"ä",null]}'],
    ['a number', 0, '0'],
    ['nothing', null, 'null'],
    ['a boolean', false, 'false'],
    ['a date', new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ['a lone surrogate inside JSON', { a: '\ud800' }, '{"a":"\\ud800"}'],
    ['a string as it is', '"a"', '"a"'],
  ])('that is %s goes out as text', (_, data, expected) => {
    expect(prepareEvent({ data }, ROOMY).data).toBe(expected)
  })

  test.each([
    ['undefined', undefined],
    ['a function', () => 'x'],
    ['a symbol', Symbol('x')],
    ['a BigInt', 1n],
    ['a BigInt in an object', { a: [1n] }],
    ['a circular object', circle()],
    ['nested deeper than the stack', nested(200_000)],
    ['an object that throws when read', { toJSON: () => JSON.parse('{') }],
    ['an object whose JSON is undefined', { toJSON: () => undefined }],
    ['a lone high surrogate', 'a\ud83d'],
    ['a lone low surrogate', '\ude42a'],
  ])('that is %s is refused', (_, data) => {
    expect(() => prepareEvent({ data }, ROOMY)).toThrow(
      expect.objectContaining({ name: 'HubError', code: 'invalid-event' }),
    )
  })

  test.each([
    ['ASCII', 'x', 1],
    ['two bytes per letter', 'ä', 2],
    ['three bytes per letter', '€', 3],
    ['four bytes per letter', '🙂', 4],
    ['line feeds', '\n', 7],
    ['carriage returns', '\r', 7],
    ['CRLF', '\r\n', 7],
  ])('of %s is accepted at the bound and refused one byte over it', (_, letter, bytes) => {
    for (const count of [1, 2, 60, 200]) {
      const data = letter.repeat(count)
      expect(prepareEvent({ data }, count * bytes).data).toBe(data)
      expect(() => prepareEvent({ data }, count * bytes - 1)).toThrow(
        expect.objectContaining({ name: 'HubError', code: 'event-too-large' }),
      )
    }
  })

  test('is measured as it is sent: JSON with its quotes', () => {
    expect(prepareEvent({ data: ['ab'] }, 6).data).toBe('["ab"]')
    expect(() => prepareEvent({ data: ['ab'] }, 5)).toThrow(
      expect.objectContaining({ code: 'event-too-large' }),
    )
  })
})

function circle(): unknown {
  const round: { self?: unknown } = {}
  round.self = round
  return round
}

function nested(depth: number): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = [value]
  return value
}
