/** The parser reads what the specification allows, as eventsource-parser does, however the bytes arrive. */
import { createParser } from 'eventsource-parser'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFrameParser, MAX_FRAME_LENGTH } from '../../../src/core/parsing/frame-parser.ts'

type Item = number | { id: string | undefined; event: string; data: string }

/** Parses pieces of a stream with the client's parser. */
function parse(pieces: readonly string[]): Item[] {
  const items: Item[] = []
  const feed = createFrameParser(
    ({ id, event, data }) => items.push({ id, event, data }),
    (ms) => items.push(ms),
  )
  pieces.forEach(feed)
  return items
}

/** Parses pieces of a stream with eventsource-parser. */
function parseWithLibrary(pieces: readonly string[]): Item[] {
  const items: Item[] = []
  const parser = createParser({
    onEvent: ({ id, event, data }) =>
      items.push({ id: id || undefined, event: event ?? 'message', data }),
    onRetry: (ms) => items.push(ms),
  })
  for (const piece of pieces) parser.feed(piece)
  return items
}

const long = 'x'.repeat(2_049)

/** The cases of eventsource-parser's own tests, with what they expect: data, or a whole event. */
const CASES: Readonly<
  Record<string, readonly [pieces: readonly string[], ...expected: unknown[]]>
> = {
  'events without a name': [['data: 0\n\n', 'data: 1\n\n'], '0', '1'],
  'events with a name': [['event: done\ndata: ✔\n\n'], { event: 'done', data: '✔' }],
  'pieces that end anywhere': [
    ['id: 1', '\nevent: ti', 'me\ndata: now\n', '\n'],
    { id: '1', event: 'time', data: 'now' },
  ],
  'a retry delay': [
    ['event: tick\ndata: 1337\nid: 1337\nretry: 50\n\n'],
    50,
    { id: '1337', event: 'tick' },
  ],
  'several lines of data': [
    ['event: stock\n', 'data: YHOO\n', 'data: +2\n', 'data: 10\n\n'],
    'YHOO\n+2\n10',
  ],
  'empty lines before an event': [
    ['\n\n\n\nid: 1\ndata: 我現在都看實況不玩遊戲\n\n'],
    '我現在都看實況不玩遊戲',
  ],
  'carriage returns': [
    ['data: dog\r', 'data: bark\r\r', 'data: cat\r', 'data: meow\r\r'],
    'dog\nbark',
    'cat\nmeow',
  ],
  'carriage returns and line feeds': [
    ['data: sheep\r\n', 'data: bleat\r\n\r\n', 'data: pig\r\n\r\n'],
    'sheep\nbleat',
    'pig',
  ],
  'CRLF that is split': [['data: A\r\n', 'data: B\r', '\n', 'data: C\r\n', '\n'], 'A\nB\nC'],
  'CRLF that is split around an empty piece': [['data: A\r', '', '\ndata: B\r\n\r\n'], 'A\nB'],
  'a comment whose CRLF is split': [['data: one\n:', 'ignored\r', '\ndata: two\n\n'], 'one\ntwo'],
  'a comment that ends with CR': [['data: one\n:ignored\r', 'data: two\n\n'], 'one\ntwo'],
  comments: [
    [
      ': Hello\n\n',
      ':'.repeat(300),
      '\n',
      'data: First\n\n',
      ': Первый',
      ': 第二',
      '\n',
      'data: Second\n\n',
      ':നാലാമത്തെ\ndata: Third\n\n',
    ],
    'First',
    'Second',
    'Third',
  ],
  'comments with every line break': [
    [
      'data:1\r\r:\0\n:\r\ndata:2\n\n:',
      long,
      '\rdata:3\n\n:data:fail\r:',
      long,
      '\ndata:4\n\n',
      'data:5',
    ],
    '1',
    '2',
    '3',
    '4',
  ],
  'an empty name': [['event:\ndata: Hello 1\n\nevent:\n\n'], { event: 'message', data: 'Hello 1' }],
  'an empty retry delay': [['id:2\nretry:\ndata:🧹\n\n'], { id: '2', data: '🧹' }],
  'a retry delay that is no number': [['retry:1000\nretry:2000x\ndata:x\n\n'], 1_000, 'x'],
  'data without a value': [['data:\n\ndata\ndata\n\ndata:test\n\n'], '', '\n', 'test'],
  'one space after the colon': [['data:  two\n\n'], ' two'],
  'an id with NUL': [['id: 123\nid: bad\0id\ndata: hello\n\n'], { id: '123', data: 'hello' }],
  'an id that is empty': [['id:\ndata: hello\n\n'], { id: undefined, data: 'hello' }],
  'a name of an event that was not sent': [
    ['event: lost\n\ndata: hello\n\n'],
    { event: 'message' },
  ],
  'unknown fields': [
    ['data:abc\n data\ndata\nfoobar:xxx\njustsometext\n:thisisacommentyay\ndata:123\n\n'],
    'abc\n\n123',
  ],
  'something else': [[`${JSON.stringify({ error: 'Internal Server Error' })}\n`, 'Well\n']],
}

test.each(Object.entries(CASES))('it reads %s', (_, [pieces, ...expected]) => {
  const wanted = expected.map((item) =>
    typeof item === 'string'
      ? expect.objectContaining({ data: item })
      : typeof item === 'number'
        ? item
        : expect.objectContaining(item as object),
  )
  expect(parse(pieces)).toEqual(wanted)
  // The library waits for the character after CR.
  expect(parseWithLibrary([...pieces, ':\n'])).toEqual(wanted)
})

test('it reads random streams like eventsource-parser, however they are cut', () => {
  const token = fc.constantFrom(
    ...[
      'data',
      'id',
      'event',
      'retry',
      ':',
      ':',
      ' ',
      '\n',
      '\n',
      '\n\n',
      '\r',
      '\r\n',
      '\0',
      '12',
      'x',
      '我',
      'topic ',
    ],
  )
  const pieces = fc.array(fc.array(token, { maxLength: 8 }).map((tokens) => tokens.join('')))
  fc.assert(
    fc.property(pieces, (random) => {
      const complete = [...random, '\n\n:']
      expect(parse(complete)).toEqual(parseWithLibrary(complete))
    }),
    { numRuns: 2_000 },
  )
})

test('it reads the key of each event from a comment', () => {
  const keys: unknown[] = []
  const feed = createFrameParser(
    ({ key, topic }) => keys.push([key, topic]),
    () => {},
  )
  feed(
    ': key a b\n: topic news\ndata: 1\n\n: keys\ndata: 2\n\n: key \ndata: 3\n\n: topic \ndata: 4\n\n',
  )
  expect(keys).toEqual([
    ['a b', 'news'],
    [undefined, undefined],
    [undefined, undefined],
    [undefined, ''],
  ])
})

test('it reads the topic of each event from a comment', () => {
  const topics: unknown[] = []
  const feed = createFrameParser(
    ({ topic }) => topics.push(topic),
    () => {},
  )
  feed(': topic news\ndata: 1\n\n: other\ndata: 2\n\n: topic lost\n\ndata: 3\n\n')
  expect(topics).toEqual(['news', undefined, undefined])
})

test.each([
  ['line', 'x'.repeat(2 ** 20)],
  ['comment', `:${'x'.repeat(2 ** 20)}`],
  ['event', `data: ${'x'.repeat(2 ** 20)}\n`],
])('an endless %s is not kept: it is an error', (_, piece) => {
  const feed = createFrameParser(
    () => {},
    () => {},
  )
  expect(() => {
    for (let n = 0; n <= MAX_FRAME_LENGTH; n += piece.length) feed(piece)
  }).toThrow(new RangeError('An event was too long.'))
})

test('a stream may be longer than the limit, if its events are not', () => {
  const feed = createFrameParser(
    () => {},
    () => {},
  )
  const data = `data: ${'x'.repeat(2 ** 22)}\n\n`
  for (let n = 0; n < 6; n += 1) feed(data)
})
