/** What parsers leave of a body is written again so that it means the same, or is refused. */
import { expect, test } from 'vitest'
import { parsedBodyOf } from '../../../src/adapters/node/parsed-body.ts'

const FORM = 'application/x-www-form-urlencoded'

function textOf(body: unknown, type: string | null = 'application/json'): string | undefined {
  const parsed = parsedBodyOf({ readableDidRead: true, body }, type)
  return parsed && new TextDecoder().decode(parsed.bytes)
}

test('a body that nobody has read is left alone, whatever else is there', () => {
  expect(parsedBodyOf({ readableDidRead: false, body: {} }, 'application/json')).toBeUndefined()
  expect(parsedBodyOf({ readableDidRead: true }, 'application/json')).toBeUndefined()
  expect(parsedBodyOf({ body: { data: 1 } }, 'application/json')).toBeUndefined()
})

test.each<[string, unknown, string | null, string | undefined]>([
  ['bytes', Buffer.from('{"data":1}'), 'application/json', '{"data":1}'],
  ['text', 'hello', 'text/plain', 'hello'],
  ['text without a type', 'hello', null, 'hello'],
  [
    'JSON',
    { data: { a: [1, 'é', null] } },
    'application/json; charset=utf-16',
    '{"data":{"a":[1,"é",null]}}',
  ],
  ['null', null, 'application/json', 'null'],
  ['a number', 1, 'application/json', '1'],
  [
    'a number that was too large',
    { data: [Number.POSITIVE_INFINITY] },
    'application/json',
    '1e999',
  ],
  ['a form', { data: 'a b&c', event: 'x' }, FORM, 'data=a+b%26c&event=x'],
  ['a repeated field', { data: ['a', 'b'] }, FORM, 'data=a&data=b'],
  ['a field with brackets', { data: { a: '1' } }, FORM, 'data%5Ba%5D=1'],
  ['fields without a type', { data: 'a' }, null, undefined],
  ['fields of another type', { data: 'a' }, 'multipart/form-data; boundary=x', undefined],
])('%s', (_, body, type, expected) => {
  expect(textOf(body, type)).toBe(expected)
})

test('the type no longer names a charset, which the parser has decoded', () => {
  const parsed = parsedBodyOf({ readableDidRead: true, body: 'é' }, 'text/plain; charset=latin1')
  expect(parsed?.type).toBe('text/plain')
})
