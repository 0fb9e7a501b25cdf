/** Framing: for any text, a third-party parser returns exactly what was encoded. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeFrame, isEventName, prepareEvent } from '../../src/core/event.ts'
import { parseFrames } from '../support/parse-frames.ts'

/** Text in which the characters that matter to the format are frequent. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom('\r', '\n', '\r\n', '\0', ':', ' ', 'data:', 'id: 7', 'event: x', '\n\n'),
      fc.constantFrom('\u2028', '\u0085', '\ufeff', '\u000b', 'retry: 1', '🙂', 'ä'),
      fc.string({ unit: 'binary' }),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''))

const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 128 }).filter(isEventName)
const id = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 })
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

test('an encoded event parses back to exactly one event with the same data, name and id', () => {
  fc.assert(
    fc.property(text, maybe(name), maybe(id), fc.nat(1_000_000), (data, event, id, retry) => {
      const prepared = prepareEvent({ data, event }, 1_000_000)
      const { events, retries } = parseFrames(encodeFrame({ ...prepared, id, retry }))
      expect(events).toEqual([{ id, event, data: data.replace(/\r\n?/g, '\n') }])
      expect(retries).toEqual([retry])
    }),
    { numRuns: 2_000 },
  )
})

test('consecutive frames stay separate, wherever the bytes are split', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(text, maybe(name)), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 9 }),
      (inputs, size) => {
        const frames = inputs.map(([data, event]) => encodeFrame({ data, event }))
        const bytes = Uint8Array.from(frames.flatMap((frame) => [...frame]))
        const pieces: Uint8Array[] = []
        for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
        const expected = inputs.map(([data, event]) => ({
          id: undefined,
          event,
          data: data.replace(/\r\n?/g, '\n'),
        }))
        expect(parseFrames(...pieces).events).toEqual(expected)
      },
    ),
  )
})

test('anything but a string parses back as the same JSON', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      fc.pre(typeof value !== 'string')
      const { events } = parseFrames(encodeFrame(prepareEvent({ data: value }, 10_000_000)))
      expect(events).toHaveLength(1)
      expect(JSON.parse(events[0]?.data ?? '')).toEqual(JSON.parse(JSON.stringify(value)))
    }),
  )
})
